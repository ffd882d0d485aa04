"""`<--csv prefix>_connections.csv`: one row per second, written when the second is complete. Missing is empty.

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
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, TextIO

from locust.env import Environment

from scenario import events
from scenario.records import Row

COLUMNS = (
    "time_utc", "second", "phase", "version", "version_latency_ms", "version_error", "queue_size", "queue_backlog",
    "sent_ok", "sent_error", "rejected", "established", "close_wait", "sum", "broker_fds", "broker_threads",
    "broker_rss_bytes", "listener_held",
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
    ]


class ConnectionsCsv:
    """Writes the file, line by line: what was written survives kill -9. A new run starts it anew."""

    def __init__(self, environment: Environment, prefix: str) -> None:
        self.path = Path(f"{prefix}_connections.csv")
        self._file = self._start()
        events.run_started.add_listener(self._restart)
        events.row_completed.add_listener(self._write)
        environment.events.quit.add_listener(lambda **_: self._file.close())

    def _start(self) -> TextIO:
        file = self.path.open("w", newline="", encoding="utf-8", buffering=1)
        csv.writer(file).writerow(COLUMNS)
        return file

    def _restart(self, **_: Any) -> None:
        self._file.close()
        self._file = self._start()

    def _write(self, row: Row, **_: Any) -> None:
        if not self._file.closed:
            csv.writer(self._file).writerow(cells(row))
