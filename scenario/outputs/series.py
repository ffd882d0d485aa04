"""The rows as lists of figures, for charts and their table. Lists are a fifth as long as names with values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from scenario.outputs.columns import COLUMNS, SERIES, cells, named, names
from scenario.run.results import Row

_SERIES = named(*SERIES)
_ERRORS = tuple(column for column in COLUMNS if column.name.endswith("_error") and not column.unit)
NAMES = ("second", *names(_ERRORS), *SERIES)


class Extent(NamedTuple):
    """A line of the table: last value, minimum and maximum of a series."""

    name: str
    now: float | None
    min: float | None
    max: float | None


def figures(row: Row, origin: int) -> list[Any]:
    """Return the row's figures in the order of NAMES; an error is empty, or None, when there was none.

    `second` counts from `origin`, the run's first update (s since the epoch): a ramp and cycles have several.
    """
    return [row.second - origin, *cells(_ERRORS, row), *cells(_SERIES, row)]


def table(rows: Sequence[list[Any]]) -> list[Extent]:
    """Return now, min and max of every series."""
    columns = list(zip(*rows, strict=True))[-len(SERIES) :] or [()] * len(SERIES)
    return [_extent(column.title, values) for column, values in zip(_SERIES, columns, strict=True)]


def _extent(name: str, values: Sequence[float | None]) -> Extent:
    measured = [value for value in values if value is not None]
    if not measured:
        return Extent(name, None, None, None)
    return Extent(name, values[-1], min(measured), max(measured))
