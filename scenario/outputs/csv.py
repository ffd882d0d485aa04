"""`<--csv prefix>_connections.csv`: one row per second, written when the second is complete. Missing is empty.

Of a ramp and of cycles `<--csv prefix>_steps.csv`, too: one row per step. scenario.outputs.columns has the columns.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from locust.env import Environment

from scenario.outputs.columns import COLUMNS, STEP_COLUMNS, cells, names
from scenario.run import events
from scenario.run.found import Found
from scenario.run.records import Began
from scenario.run.results import Row, Step

_FORMULA = ("=", "+", "-", "@")


def guarded(values: Sequence[object]) -> list[object]:
    """Return a line's cells; a text that a spreadsheet would take for a formula begins with ' (OWASP's advice)."""
    risky = [isinstance(value, str) and value.lstrip().startswith(_FORMULA) for value in values]
    return [f"'{value}" if risk else value for value, risk in zip(values, risky, strict=True)]


class ConnectionsCsv:
    """Writes the files, line by line: what was written survives kill -9. A new run starts them anew."""

    def __init__(self, environment: Environment, prefix: str) -> None:
        self._rows, self._steps = Path(f"{prefix}_connections.csv"), Path(f"{prefix}_steps.csv")
        self._open: dict[Path, TextIO] = {}
        self._stepped = False
        self._start(self._rows, names(COLUMNS))
        events.on(Found, self._note)
        events.on(Began, self._restart)
        events.on(Row, lambda row, **_: self._write(self._rows, cells(COLUMNS, row)))
        events.on(Step, lambda step, **_: self._write(self._steps, cells(STEP_COLUMNS, step)))
        environment.events.quit.add_listener(self._close)

    def _note(self, found: Found, **_: Any) -> None:
        self._stepped = found.options.stepped

    def _restart(self, _began: Began, **_: Any) -> None:
        self._close()
        self._steps.unlink(missing_ok=True)
        self._start(self._rows, names(COLUMNS))
        if self._stepped:
            self._start(self._steps, names(STEP_COLUMNS))

    def _start(self, path: Path, columns: Sequence[str]) -> None:
        self._open[path] = path.open("w", newline="", encoding="utf-8", buffering=1)
        self._write(path, columns)

    def _write(self, path: Path, values: Sequence[object]) -> None:
        if path in self._open:
            csv.writer(self._open[path]).writerow(guarded(values))

    def _close(self, **_: Any) -> None:
        while self._open:
            self._open.popitem()[1].close()
