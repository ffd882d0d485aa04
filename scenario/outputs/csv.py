"""`<--csv prefix>_connections.csv`: one row per second, written when the second is complete. Missing is empty.

Beside it, of a ramp and of cycles, `<--csv prefix>_steps.csv`: one row per step (STEP_COLUMNS).

time_utc            when the second's first probe was sent, ISO 8601, UTC, ms
second              whole seconds since the update was sent (negative: before it)
phase               baseline (at rest), trigger (the update is under way), observe
version             OK or NOK: GET /version over a new connection
version_latency_ms  from before the connection to the end of the answer, or to the error
version_error       why it is NOK
queue_size          notifQueue.size: notifications in the queue when a worker last took one
queue_backlog       notifQueue.in - out: notifications that no worker has taken yet
sent_ok             notifications answered by a receiver, since the broker's start
sent_error          notifications that failed, since the broker's start
rejected            notifications that found the queue full, since the broker's start
established         ESTABLISHED connections of the broker's process
close_wait          CLOSE_WAIT connections of the broker's process
sum                 established + close_wait
broker_fds          file descriptors in use by the broker's process
broker_threads      threads of the broker's process
broker_rss_bytes    resident memory of the broker's process
listener_held       notifications that the listeners hold unanswered
step                of a ramp, or which of the cycles, from 1; `second` is that of its own update
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any, TextIO

from locust.env import Environment

from scenario.run import events
from scenario.run.records import Row, Step
from scenario.run.run import Run

COLUMNS = (
    "time_utc", "second", "phase", "version", "version_latency_ms", "version_error", "queue_size", "queue_backlog",
    "sent_ok", "sent_error", "rejected", "established", "close_wait", "sum", "broker_fds", "broker_threads",
    "broker_rss_bytes", "listener_held", "step",
)  # fmt: skip


def cells(row: Row) -> list[object]:
    """Return the row's values in the order of COLUMNS; None where nothing was measured."""
    version, queue, connections, listener = row.version, row.queue, row.connections, row.listener
    return [
        row.time,
        row.since_trigger,
        row.phase,
        version and ("NOK" if version.error else "OK"),
        version and version.latency and round(version.latency, 1),
        version and version.error,
        *(getattr(queue, name, None) for name in ("size", "backlog", "sent_ok", "sent_error", "rejected")),
        row.established,
        connections and connections.close_wait,
        row.sum,
        *(getattr(connections, name, None) for name in ("fds", "threads", "rss")),
        listener and listener.held,
        row.step,
    ]


STEP_COLUMNS = (
    "step", "subscriptions", "verdict", "held", "rows", "nok", "latency_median_ms", "latency_max_ms",
    "rest_connections", "rest_fds", "rest_threads", "rest_rss_bytes", "cause",
)  # fmt: skip


def step_cells(step: Step) -> list[object]:
    """Return a step's values in the order of STEP_COLUMNS; those at rest are from before its update."""
    return [
        *(step.number, step.subscriptions, step.verdict.outcome, step.held, step.rows, step.nok),
        *(latency and round(latency, 1) for latency in (step.latency_median, step.latency_max)),
        *astuple(step.rest),
        " ".join(cause.cause for cause in step.verdict.causes),
    ]


class ConnectionsCsv:
    """Writes the files, line by line: what was written survives kill -9. A new run starts them anew."""

    def __init__(self, environment: Environment, prefix: str) -> None:
        self._rows, self._steps = Path(f"{prefix}_connections.csv"), Path(f"{prefix}_steps.csv")
        self._open: dict[Path, TextIO] = {}
        self._start(self._rows, COLUMNS)
        events.run_started.add_listener(self._restart)
        events.row_completed.add_listener(lambda row, **_: self._write(self._rows, cells(row)))
        events.step_judged.add_listener(lambda step, **_: self._write(self._steps, step_cells(step)))
        environment.events.quit.add_listener(self._close)

    def _restart(self, run: Run, **_: Any) -> None:
        self._close()
        self._steps.unlink(missing_ok=True)
        self._start(self._rows, COLUMNS)
        if run.options.stepped:
            self._start(self._steps, STEP_COLUMNS)

    def _start(self, path: Path, columns: Sequence[str]) -> None:
        self._open[path] = path.open("w", newline="", encoding="utf-8", buffering=1)
        self._write(path, columns)

    def _write(self, path: Path, values: Sequence[object]) -> None:
        if path in self._open:
            csv.writer(self._open[path]).writerow(values)

    def _close(self, **_: Any) -> None:
        while self._open:
            self._open.popitem()[1].close()
