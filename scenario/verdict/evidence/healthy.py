"""The healthy subscribers: whether they were notified in time, beside the slow ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from scenario.run.samples import HealthySample
from scenario.verdict.evidence.counters import most
from scenario.verdict.hold import Hold


@dataclass(frozen=True)
class Healthy:
    """Their notifications, row by row."""

    hold: Hold

    @property
    def count(self) -> int:
        """Their number."""
        return self.hold.options.probes.healthy

    @cached_property
    def samples(self) -> list[HealthySample]:
        """The samples of their listener."""
        return [row.healthy for row in self.hold.rows if row.healthy and not row.healthy.error]

    @property
    def watched(self) -> list[HealthySample]:
        """The samples of the seconds in which they were notified, or were waiting for it."""
        return [sample for sample in self.samples if not sample.quiet or sample.slowest is not None]

    @property
    def quiet_from(self) -> int | None:
        """Seconds from the update until nobody notified them, because the listeners had answered; None: never."""
        quiet = (row.since_trigger for row in self.hold.rows if row.healthy and row.healthy.quiet)
        return next(quiet, None)

    @cached_property
    def late(self) -> list[HealthySample]:
        """The rows in which a notification arrived late, or was overdue."""
        return [sample for sample in self.samples if (sample.slowest or 0) > self.hold.options.healthy_limit]

    @property
    def slowest(self) -> float:
        """The longest time or wait of one, in ms; 0 if not measured."""
        return most(sample.slowest for sample in self.samples) or 0.0

    @property
    def latest(self) -> float:
        """The same in the late rows."""
        return most(sample.slowest for sample in self.late) or 0.0

    @property
    def sent(self) -> int:
        """Notifications to them: those that came, are under way or were lost."""
        samples = [row.healthy for row in self.hold.rows if row.healthy]
        missing = sum((last.waiting or 0) + (last.lost or 0) for last in samples[-1:])
        return sum(each.arrived or 0 for each in samples) + missing

    def arrived_by(self, second: int) -> int:
        """Return how many had arrived by the end of a second (s since the epoch)."""
        return sum(row.healthy.arrived or 0 for row in self.hold.rows if row.healthy and row.second <= second)
