"""A line of the preflight's table."""

from __future__ import annotations

from collections.abc import Iterator

from scenario.run.found import Found
from scenario.run.results import ERROR, OK, WARNING, Check

Checks = Iterator[Check]


def judged(  # noqa: PLR0917 - a line of the table, column by column
    what: str, holds: bool, found: object, needed: object, remedy: str, state: str = ERROR
) -> Check:
    """Return a line that is OK, or in `state`."""
    return Check(what, OK if holds else state, str(found), str(needed), "" if holds else remedy)


def too_small(found: Found) -> str:
    """Return the state of what is too small for the run: where the broker ends is what a ramp is to find out."""
    return WARNING if found.options.ramp else ERROR
