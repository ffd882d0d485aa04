"""A run, read back from its connections CSV. An empty cell is None: not measured, never 0."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from scenario.errors import UnusableError
from scenario.outputs.columns import COLUMNS, names

_NAMES = names(COLUMNS)
_TEXTS = {column.name for column in COLUMNS if not column.unit} - {"step"}


@dataclass(frozen=True)
class Row:
    """A second of a run; `numbers` has the columns that are numbers, with their units."""

    second: int
    version: str
    error: str
    numbers: Mapping[str, float | None]


@dataclass(frozen=True)
class RunFile:
    """The rows of one file, in their order: each second is above the one before it."""

    path: str
    rows: Sequence[Row]

    @property
    def probed(self) -> list[Row]:
        """The rows since the update that have an answer, or none, to GET /version."""
        return [row for row in self.rows if row.second >= 0 and row.version]

    def since_update(self, column: str) -> list[tuple[int, float]]:
        """Return (second, value) of every row since the update that has the value."""
        return [
            (row.second, value) for row in self.rows if row.second >= 0 and (value := row.numbers[column]) is not None
        ]

    def at_rest(self, column: str) -> float | None:
        """Return the column's median before the update; None when nobody measured then."""
        values = [value for row in self.rows if row.second < 0 and (value := row.numbers[column]) is not None]
        return median(values) if values else None


def read(path: str) -> RunFile:
    """Read a run's connections CSV. Raises UnusableError."""
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:  # a spreadsheet may have put its mark before it
            lines = csv.reader(file, strict=True)
            if next(lines, []) != _NAMES:
                raise UnusableError(f"{path}: no connections CSV: it does not begin with {','.join(_NAMES[:3])},...")
            rows = [_row(cells, f"{path}: line {lines.line_num}") for cells in lines]
    except OSError as error:
        raise UnusableError(f"{path}: {error.strerror}") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise UnusableError(f"{path}: no connections CSV: {error}") from None
    run = RunFile(path, rows)
    if len({row.numbers["step"] for row in rows}) > 1:
        raise UnusableError(f"{path}: has several steps (a ramp, or cycles), and only single runs can be compared")
    for before, row in pairwise(rows):
        if row.second <= before.second:
            raise UnusableError(f"{path}: second {row.second} comes after second {before.second}: more than one run?")
    if not rows or rows[-1].second < 0:
        raise UnusableError(f"{path}: no row since the update{'' if rows else ', nor any other'}: nothing to compare")
    if not run.probed:
        raise UnusableError(f"{path}: no row since the update has a version: nothing to compare")
    return run


def _row(cells: list[str], where: str) -> Row:
    if len(cells) != len(_NAMES):
        raise UnusableError(f"{where} has {len(cells)} cells instead of {len(_NAMES)}")
    named = dict(zip(_NAMES, cells, strict=True))
    if named["version"] not in ("OK", "NOK", ""):
        raise UnusableError(f"{where}: version is OK, NOK or empty, not {named['version']!r}")
    numbers = {name: _number(text, f"{where}: {name}") for name, text in named.items() if name not in _TEXTS}
    second = numbers["second"]
    if second is None or second != int(second):
        raise UnusableError(f"{where}: second is a whole number, not {named['second']!r}")
    return Row(int(second), named["version"], named["version_error"], numbers)


def _number(text: str, where: str) -> float | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UnusableError(f"{where} is a number or empty, not {text!r}")
    return number
