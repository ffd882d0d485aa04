"""The report log, in the columns of the original test, and the same lines on the console of a headless run."""

from __future__ import annotations

import logging
import os
import sys
import time
from datetime import UTC, datetime
from io import StringIO
from typing import Any

from locust.env import Environment

from scenario.outputs.files import LineFile
from scenario.preflight.checks import checks
from scenario.run import events
from scenario.run.found import Found
from scenario.run.records import Began, Phase, Said
from scenario.run.results import Row, Step, Verdict
from scenario.settings.options import Options
from scenario.settings.secrets import shown
from scenario.verdict.outcomes import EXIT_CODES, FAIL, PASS, PREFLIGHT, PREFLIGHT_OK

HEADER = (
    " Reports each second:",
    " counter       version      queue   established   close wait    sum",
    "               request      size    connections   connections   connections",
    " " + "-" * 80,
)
OFF, FAILED = "N/A", "NOK"
RULE = " " + "=" * 80
RED, BOLD_RED, BOLD_GREEN, BOLD_YELLOW = "31", "1;31", "1;32", "1;33"  # ANSI: select graphic rendition

_CHECK_COLOURS = {"ok": "", "warning": BOLD_YELLOW, "error": BOLD_RED}
_VERDICT_COLOURS = {PASS: BOLD_GREEN, PREFLIGHT_OK: BOLD_GREEN, FAIL: BOLD_RED, PREFLIGHT: BOLD_RED}


def row_line(counter: int, row: Row, options: Options) -> str:
    """Return a row as the original prints it. N/A: switched off, or not offered by the broker; NOK: it failed."""
    established = close_wait = total = OFF if not options.connection_info else FAILED
    if row.connections is not None and not row.connections.error:
        established, close_wait, total = map(str, (row.established, row.connections.close_wait, row.sum))
    return (
        f" -------- {counter} -------- {'OK' if row.version_ok else FAILED} -------- {_queue(row, options)} --------"
        f" {established} ---------- {close_wait} -------- {total} ----------"
    )


def _queue(row: Row, options: Options) -> str:
    if not options.queue_size:
        return OFF
    if row.queue is None or row.queue.error:
        return FAILED
    return OFF if row.queue.size is None else str(row.queue.size)


def lines(verdict: Verdict) -> list[str]:
    """Return the verdict as it is told: the outcome, then its reasons and causes."""
    return [f"Verdict: {verdict.outcome}", *(f"  {reason}" for reason in (*verdict.reasons, *verdict.causes))]


class _Colours(logging.Formatter):
    """Colours a record as its `colour` says."""

    def format(self, record: logging.LogRecord) -> str:
        text, colour = super().format(record), getattr(record, "colour", "")
        return f"\033[{colour}m{text}\033[0m" if colour else text


def harmless(record: logging.LogRecord) -> bool:
    """Make what is logged fit to be read: a filter of handlers. A traceback keeps its lines."""
    if record.exc_info:
        record.exc_text = logging.Formatter().formatException(record.exc_info)
    record.exc_text = shown(record.exc_text, lines=True)
    record.msg, record.args = shown(record.getMessage(), lines=True), ()
    return True


class _File(logging.StreamHandler[LineFile]):
    """Writes to the report log; its error is the listener's."""

    def handleError(self, _record: logging.LogRecord) -> None:
        raise  # noqa: PLE0704 - called while it is handled


class ReportLog:
    """Writes each run's rows and verdict to the file; with `console` also to stderr, between the phases and progress.

    Without `console` (web UI) phases, progress and verdict go to Locust's own log, which the page shows.
    """

    def __init__(self, environment: Environment, console: bool) -> None:
        self._console = console
        self._file = logging.getLogger("connections_stress_tests.file")
        self._file.propagate = False
        self._screen = logging.getLogger("connections_stress_tests")
        self._file.setLevel(logging.INFO)
        self._screen.setLevel(logging.INFO)
        if console:
            self._screen.propagate = False
            colours = sys.stderr.isatty() and "NO_COLOR" not in os.environ
            self._add(self._screen, logging.StreamHandler(sys.stderr), _Colours if colours else logging.Formatter)
        self._kept = StringIO()
        self._on_disk: LineFile | None = None
        self._verdict: Verdict | None = None
        for kind, listener in (
            (Found, self._preflight),
            (Began, self._start),
            (Phase, self._enter),
            (Said, self._progress),
            (Row, self._row),
            (Step, self._step),
            (Verdict, self._judge),
        ):
            events.on(kind, listener)
        environment.events.quit.add_listener(self._quit)

    @property
    def text(self) -> str:
        """What this process has written of the run under way, or the last one; empty before the first."""
        return self._kept.getvalue()

    def _add(self, logger: logging.Logger, handler: logging.Handler, kind: type[logging.Formatter]) -> None:
        formatter = kind("%(asctime)s | %(levelname)s | %(message)s")
        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
        handler.addFilter(harmless)
        logger.addHandler(handler)

    def _preflight(self, found: Found, **_: Any) -> None:
        self._options = found.options
        for check in checks(found):
            needed = f"; needed: {check.needed}" if check.remedy else ""
            remedy = f"; {check.remedy}" if check.remedy else ""
            level = {"ok": logging.INFO, "warning": logging.WARNING}.get(check.state, logging.ERROR)
            text = f"preflight: {check.state:<8} {check.what:<28}  {check.found}{needed}{remedy}"
            self._screen.log(level, text, extra={"colour": _CHECK_COLOURS[check.state]})

    def _start(self, _began: Began, at: float) -> None:
        self._rows = 0
        self._close()
        self._kept = StringIO()
        self._add(self._file, logging.StreamHandler(self._kept), logging.Formatter)
        begin = datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat()
        self._both(f"Test init: {begin}Z")
        self._on_disk = LineFile(self._options.report_log)
        self._on_disk.begin(self.text)
        self._add(self._file, _File(self._on_disk), logging.Formatter)

    def _both(self, text: str, colour: str = "") -> None:
        self._file.info(text)
        if self._console:
            self._screen.info(text, extra={"colour": colour})

    def _enter(self, phase: Phase, **_: Any) -> None:
        if phase.name == "preflight":
            self._close()  # that of a run before
        self._screen.info(f"phase {phase.name}")

    def _progress(self, said: Said, **_: Any) -> None:
        self._screen.info(f"{said.phase}: {said.text}")

    def _row(self, row: Row, **_: Any) -> None:
        if not self._rows:
            for text in HEADER:
                self._both(text)
        self._rows += 1
        self._both(row_line(self._rows, row, self._options), "" if row.version_ok else RED)

    def _step(self, step: Step, **_: Any) -> None:
        self._both(f"step {step}", _VERDICT_COLOURS.get(step.verdict.outcome, BOLD_YELLOW))
        for cause in step.verdict.causes:
            self._both(f"  {cause}")

    def _judge(self, verdict: Verdict, **_: Any) -> None:
        self._verdict = verdict
        if self._file.handlers:  # else the run never began
            self._tell(self._file, verdict)
        if not self._console:
            self._tell(self._screen, verdict)
        elif verdict.outcome in (PREFLIGHT, PREFLIGHT_OK):
            logging.getLogger("locust.stats_logger").disabled = True  # Locust's tables would be empty

    def _tell(self, logger: logging.Logger, verdict: Verdict) -> None:
        level = logging.ERROR if EXIT_CODES[verdict.outcome] else logging.INFO
        colour = _VERDICT_COLOURS.get(verdict.outcome, BOLD_YELLOW)
        title, *texts = lines(verdict)
        logger.log(level, title, extra={"colour": colour})
        for text in texts:
            logger.log(level, text)

    def _quit(self, **_: Any) -> None:
        if self._console and self._verdict is not None:  # after Locust's own tables, where it is not overlooked
            self._screen.info(RULE)
            self._tell(self._screen, self._verdict)
        self._close()

    def _close(self) -> None:
        for handler in self._file.handlers[:]:
            self._file.removeHandler(handler)
        if self._on_disk is not None:
            self._on_disk.close()
