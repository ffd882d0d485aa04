"""`<--csv prefix>_connections.csv`: one row per second, written when the second is complete. Empty: not measured.

Of a ramp and of cycles `<--csv prefix>_steps.csv`, too: one row per step. scenario.outputs.columns has the columns.
"""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Sequence
from typing import Any

from locust.env import Environment

from scenario.errors import OutputError
from scenario.outputs.columns import COLUMNS, STEP_COLUMNS, cells, columns_of, names
from scenario.outputs.files import LineFile
from scenario.run import events
from scenario.run.found import Found
from scenario.run.records import Accepted
from scenario.run.results import Row, Step

_FORMULA = ("=", "+", "-", "@")


def guarded(values: Sequence[object]) -> list[object]:
    """Return the cells of a line. A text that a spreadsheet would execute as a formula gets a leading ' (OWASP)."""
    risky = [isinstance(value, str) and value.lstrip().startswith(_FORMULA) for value in values]
    return [f"'{value}" if risk else value for value, risk in zip(values, risky, strict=True)]


def line(values: Sequence[object]) -> str:
    """Return a CSV line of guarded values. None is empty."""
    text = io.StringIO()
    csv.writer(text).writerow(guarded(values))
    return text.getvalue()


class ConnectionsCsv:
    """Writes the files line by line. Written lines survive kill -9. A new run starts new files."""

    def __init__(self, environment: Environment, prefix: str) -> None:
        self._rows, self._steps = LineFile(f"{prefix}_connections.csv"), LineFile(f"{prefix}_steps.csv")
        self._stepped, self._columns = False, COLUMNS
        with contextlib.suppress(OutputError):  # reported when the run begins
            self._rows.begin(line(names(COLUMNS)))
        events.on(Found, self._note)
        events.on(Accepted, self._restart)
        events.on(Row, lambda row, **_: self._rows.write(line(cells(self._columns, row))))
        events.on(Step, lambda step, **_: self._steps.write(line(cells(STEP_COLUMNS, step))))
        environment.events.quit.add_listener(self._close)

    def _note(self, found: Found, **_: Any) -> None:
        self._stepped, self._columns = found.options.stepped, columns_of(found.options)

    def _restart(self, _accepted: Accepted, **_: Any) -> None:
        self._close()
        self._steps.path.unlink(missing_ok=True)
        self._rows.begin(line(names(self._columns)))
        if self._stepped:
            self._steps.begin(line(names(STEP_COLUMNS)))

    def _close(self, **_: Any) -> None:
        self._rows.close()
        self._steps.close()
