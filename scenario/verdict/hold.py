"""One hold of connections, complete or not: the input of a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from scenario.run.found import Found
from scenario.run.progress import Progress
from scenario.run.results import Row
from scenario.run.schedule import Schedule
from scenario.settings.options import Options


@dataclass(frozen=True)
class Hold:
    """One hold. `schedule` is None before its baseline; there are no rows then."""

    options: Options
    progress: Progress
    schedule: Schedule | None
    rows: Sequence[Row]
    found: Found

    @cached_property
    def at_rest(self) -> list[Row]:
        """The rows before the update."""
        return [row for row in self.rows if row.since_trigger < 0]

    @cached_property
    def loaded(self) -> list[Row]:
        """The rows from the update on."""
        return [row for row in self.rows if row.since_trigger >= 0]
