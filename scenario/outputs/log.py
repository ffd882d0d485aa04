"""The report log in the columns of the original test, and the same lines on the console.

A headless run has the lines on its console. With the web UI they are in Locust's own log, which the page shows, but
without the rows. On a terminal scenario.outputs.terminal shows the run instead.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any

from locust.env import Environment

from scenario.outputs.files import LineFile
from scenario.outputs.words import lines
from scenario.peers import kind_of
from scenario.preflight.checks import checks
from scenario.run import events
from scenario.run.found import Found
from scenario.run.phase import Phase
from scenario.run.records import Accepted, HoldBegan, PhaseBegan, RunBegan, Said
from scenario.run.results import Check, Row, Step, Verdict
from scenario.settings.options import Options
from scenario.settings.secrets import shown
from scenario.verdict.outcomes import EXIT_CODES, PREFLIGHT, PREFLIGHT_OK

HEADER = (
    " Reports each second:",
    " counter       version      queue   established   close wait    sum",
    "               request      size    connections   connections   connections",
    " " + "-" * 80,
)
OFF, FAILED = "N/A", "NOK"
RULE = " " + "=" * 80
LOCUSTS_TABLES = "locust.stats_logger"
_LEVELS = {"ok": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def header(options: Options) -> tuple[str, ...]:
    """Return the lines above the rows; without the queue if this kind of broker does not report it."""
    if kind_of(options).has_queue:
        return HEADER
    return HEADER[0], *(f"{line[:22]}{line[33:]}" for line in HEADER[1:3]), HEADER[3]


def row_line(counter: int, row: Row, options: Options) -> str:
    """Return a row as the original prints it. N/A: switched off or not offered by the broker; NOK: failed."""
    established = close_wait = total = OFF if not options.probes.connection_info else FAILED
    if row.connections is not None and not row.connections.error:
        established, close_wait, total = map(str, (row.established, row.connections.close_wait, row.sum))
    queue = f" {_queue(row, options)} --------" if kind_of(options).has_queue else ""
    return (
        f" -------- {counter} -------- {'OK' if row.version_ok else FAILED} --------{queue}"
        f" {established} ---------- {close_wait} -------- {total} ----------"
    )


def _queue(row: Row, options: Options) -> str:
    if not options.probes.queue_size:
        return OFF
    if row.queue is None or row.queue.error:
        return FAILED
    return OFF if row.queue.size is None else str(row.queue.size)


def step_lines(step: Step) -> Iterator[str]:
    """Yield a step, and why it failed."""
    yield f"step {step}"
    for cause in step.verdict.causes:
        yield f"  {cause}"


def check_line(check: Check) -> str:
    """Return a line of the preflight."""
    return f"preflight: {check.state:<8} {check.what:<28}  {check.finding}"


def harmless(*arguments: Any, **named: Any) -> logging.LogRecord:
    """Return a log record of any library without secrets and control characters. A traceback keeps its lines."""
    record = logging.LogRecord(*arguments, **named)
    try:
        text = record.getMessage()
    except Exception:  # the arguments do not fit; a handler would print them unchanged
        text = f"{record.msg} {record.args}"
    if record.exc_info:
        record.exc_text = shown(logging.Formatter().formatException(record.exc_info), lines=True)
    record.msg, record.args, record.stack_info = shown(text, lines=True), (), shown(record.stack_info, lines=True)
    return record


class _File(logging.StreamHandler[LineFile]):
    """Writes to the report log; its error is the listener's."""

    def handleError(self, _record: logging.LogRecord) -> None:
        raise  # noqa: PLE0704 - called while it is handled


class _Log:
    """A logger of rows, steps and the verdict."""

    def __init__(self, name: str, rows: bool = True) -> None:
        self._log = logging.getLogger(name)
        self._log.setLevel(logging.INFO)
        self._counter = 0
        events.on(Found, self._note)
        if rows:
            events.on(Row, self._row)
            events.on(Step, self._step)

    def _add(self, handler: logging.Handler) -> None:
        formatter = logging.Formatter("%(asctime)s | %(levelname)s | %(message)s")
        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
        self._log.addHandler(handler)
        self._log.propagate = False

    def _note(self, found: Found, **_: Any) -> None:
        self._options, self._counter = found.options, 0

    def _begun(self, at: float) -> None:
        begin = datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat()
        self._log.info(f"Test init: {begin}Z")

    def _row(self, row: Row, **_: Any) -> None:
        if not self._counter:
            for text in header(self._options):
                self._log.info(text)
        self._counter += 1
        self._log.info(row_line(self._counter, row, self._options))

    def _step(self, step: Step, **_: Any) -> None:
        for text in step_lines(step):
            self._log.info(text)

    def _tell(self, verdict: Verdict) -> None:
        for text in lines(verdict):
            self._log.log(logging.ERROR if EXIT_CODES[verdict.outcome] else logging.INFO, text)


class ReportLog(_Log):
    """Writes each run's rows and verdict to --report-log. A run that does not begin leaves the earlier file."""

    def __init__(self, environment: Environment) -> None:
        self._kept = StringIO()
        self._on_disk: LineFile | None = None
        events.on(RunBegan, self._close)
        events.on(Accepted, self._start)
        super().__init__("connections_stress_tests.file")
        self._log.propagate = False
        events.on(Verdict, self._judge)
        environment.events.quit.add_listener(self._close)

    @property
    def text(self) -> str:
        """What this process wrote of the current or last run; empty before the first."""
        return self._kept.getvalue()

    def _start(self, _accepted: Accepted, at: float) -> None:
        self._close()
        self._kept = StringIO()
        self._add(logging.StreamHandler(self._kept))
        self._begun(at)
        self._on_disk = LineFile(self._options.outputs.report_log)
        self._on_disk.begin(self.text)
        self._add(_File(self._on_disk))

    def _judge(self, verdict: Verdict, **_: Any) -> None:
        if self._log.handlers:  # otherwise the run never began
            self._tell(verdict)

    def _close(self, *_: Any, **__: Any) -> None:
        for handler in self._log.handlers[:]:
            self._log.removeHandler(handler)
        if self._on_disk is not None:
            self._on_disk.close()


class RunLog(_Log):
    """Logs phases, progress and the verdict; on the console of a headless run also the rows."""

    def __init__(self, environment: Environment, console: bool) -> None:
        super().__init__("connections_stress_tests", rows=console)
        self._verdict: Verdict | None = None
        events.on(Found, self._preflight)
        events.on(RunBegan, lambda _began, **_: self._log.info(f"phase {Phase.PREFLIGHT}"))
        events.on(HoldBegan, self._hold)
        events.on(PhaseBegan, lambda began, **_: self._log.info(f"phase {began.phase}"))
        events.on(Said, lambda said, **_: self._log.info(f"{said.phase}: {said.text}"))
        if console:
            self._add(logging.StreamHandler(sys.stderr))
            events.on(Accepted, lambda _accepted, at: self._begun(at))
            events.on(Verdict, self._keep)
            environment.events.quit.add_listener(self._quit)
        else:
            events.on(Verdict, lambda verdict, **_: self._tell(verdict))

    def _hold(self, hold: HoldBegan, **_: Any) -> None:
        if hold.title:
            self._log.info(hold.title)

    def _preflight(self, found: Found, **_: Any) -> None:
        for check in checks(found):
            self._log.log(_LEVELS[check.state], check_line(check))

    def _keep(self, verdict: Verdict, **_: Any) -> None:
        self._verdict = verdict
        if verdict.outcome in (PREFLIGHT, PREFLIGHT_OK):
            logging.getLogger(LOCUSTS_TABLES).disabled = True  # they would be empty

    def _quit(self, **_: Any) -> None:
        if self._verdict is not None:  # after Locust's own tables, so that it is the last thing printed
            self._log.info(RULE)
            self._tell(self._verdict)
