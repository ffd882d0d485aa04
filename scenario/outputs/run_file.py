"""`<--csv prefix>_run.jsonl`: the run as it happened, one record per line; docs/files.md has the format.

`python -m scenario.replay` draws the same verdict from it. A line is written when its record arrives, so that a run
which is killed can be read up to its last second.
"""

from __future__ import annotations

from typing import Any

from locust.env import Environment

import msgspec

from scenario.outputs.files import LineFile
from scenario.run import events
from scenario.run.found import Found
from scenario.run.records import KINDS, RunBegan

FORMAT = 2  # of the file: another one when an older reader would misunderstand it; 1 had no kinds of failures


def encode(record: Any, at: float) -> str:
    """Return the record's line; `at` is when it arrived, s since the epoch."""
    told = msgspec.to_builtins(record)
    if isinstance(record, Found):
        told = {"format": FORMAT, **told, "options": msgspec.to_builtins(record.options.by_name())}
    return msgspec.json.encode({"at": at, "kind": type(record).__name__, **told}).decode()


class RunFile:
    """Writes the file; a new run starts it anew. It has to hear each record before anything that comes of it."""

    def __init__(self, environment: Environment, prefix: str) -> None:
        self._file = LineFile(f"{prefix}_run.jsonl")
        events.on(object, self._write)
        environment.events.quit.add_listener(lambda **_: self._file.close())

    def _write(self, record: Any, at: float) -> None:
        if type(record).__name__ in KINDS:
            begins = isinstance(record, RunBegan)
            (self._file.begin if begins else self._file.write)(encode(record, at) + "\n")
