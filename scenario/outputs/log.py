"""The report log, in the columns of the original test, and the same lines on the console of a headless run."""

from __future__ import annotations

import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any

from locust.env import Environment

from scenario import events
from scenario.options import Options
from scenario.records import Row, Verdict
from scenario.run import Run
from scenario.verdict import PASS

HEADER = (
    " Reports each second:",
    " counter       version      queue   established   close wait    sum",
    "               request      size    connections   connections   connections",
    " " + "-" * 80,
)
OFF, FAILED = "N/A", "NOK"


def line(counter: int, row: Row, options: Options) -> str:
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


class ReportLog:
    """Writes each run's rows and verdict to the file; with `console` also to stderr, between the phases and progress.

    Without `console` (web UI) phases, progress and verdict go to Locust's own log, which the page shows.
    """

    def __init__(self, environment: Environment, console: bool) -> None:
        self._console = console
        self._format = logging.Formatter("%(asctime)s | %(levelname)s | %(message)s")
        self._format.converter = time.gmtime
        self._file = logging.getLogger("connections_stress_tests.file")
        self._file.propagate = False
        self._screen = logging.getLogger("connections_stress_tests")
        self._file.setLevel(logging.INFO)
        self._screen.setLevel(logging.INFO)
        if console:
            self._screen.propagate = False
            self._add(self._screen, logging.StreamHandler(sys.stderr))
        self._verdict: Verdict | None = None
        for hook, listener in (
            (events.run_started, self._start),
            (events.phase_entered, self._enter),
            (events.progress_made, self._progress),
            (events.row_completed, self._row),
            (events.run_judged, self._judge),
            (environment.events.quit, self._quit),
        ):
            hook.add_listener(listener)

    def _add(self, logger: logging.Logger, handler: logging.Handler) -> None:
        handler.setFormatter(self._format)
        logger.addHandler(handler)

    def _start(self, run: Run, **_: Any) -> None:
        self._options, self._rows = run.options, 0
        self._close()
        self._add(self._file, logging.FileHandler(run.options.report_log, mode="w", encoding="utf-8"))
        begin = datetime.fromtimestamp(run.clock.now(), UTC).replace(tzinfo=None).isoformat()
        self._both(f"Test init: {begin}Z")

    def _both(self, text: str, level: int = logging.INFO) -> None:
        self._file.log(level, text)
        if self._console:
            self._screen.log(level, text)

    def _enter(self, phase: str, **_: Any) -> None:
        self._screen.info(f"phase {phase}")

    def _progress(self, phase: str, text: str, **_: Any) -> None:
        self._screen.info(f"{phase}: {text}")

    def _row(self, row: Row, **_: Any) -> None:
        if not self._rows:
            for text in HEADER:
                self._both(text)
        self._rows += 1
        self._both(line(self._rows, row, self._options))

    def _judge(self, verdict: Verdict, **_: Any) -> None:
        self._verdict = verdict
        self._tell(self._file, verdict)
        if not self._console:
            self._tell(self._screen, verdict)

    def _tell(self, logger: logging.Logger, verdict: Verdict) -> None:
        level = logging.INFO if verdict.outcome == PASS else logging.ERROR
        logger.log(level, f"Verdict: {verdict.outcome}")
        for reason in verdict.reasons:
            logger.log(level, f"  {reason}")

    def _quit(self, **_: Any) -> None:
        if self._console and self._verdict is not None:  # after Locust's own tables, where it is not overlooked
            self._tell(self._screen, self._verdict)
        self._close()

    def _close(self) -> None:
        for handler in self._file.handlers[:]:
            self._file.removeHandler(handler)
            handler.close()
