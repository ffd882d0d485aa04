"""`<--csv prefix>_run.jsonl`: the recorded run, one record per line. docs/files.md describes the format.

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

FORMAT = 2  # changes if an older reader would misunderstand the file; format 1 had no kinds of failures


def encode(record: Any, at: float) -> str:
    """Return the line of a record. `at` is the time of its arrival, s since the epoch."""
    fields = msgspec.to_builtins(record)
    if isinstance(record, Found):
        fields = {"format": FORMAT, **fields, "options": msgspec.to_builtins(record.options.by_name())}
    return msgspec.json.encode({"at": at, "kind": type(record).__name__, **fields}).decode()


class RunFile:
    """Writes the file. A new run starts a new file. It must hear each record before records that follow from it."""

    def __init__(self, environment: Environment, prefix: str) -> None:
        self._file = LineFile(f"{prefix}_run.jsonl")
        events.on(object, self._write)
        environment.events.quit.add_listener(lambda **_: self._file.close())

    def _write(self, record: Any, at: float) -> None:
        if type(record).__name__ in KINDS:
            begins = isinstance(record, RunBegan)
            (self._file.begin if begins else self._file.write)(encode(record, at) + "\n")
