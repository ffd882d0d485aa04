"""The load of the broker."""

from __future__ import annotations

from dataclasses import dataclass

from scenario.verdict.hold import Hold
from scenario.verdict.thresholds import HELD_SHARE


@dataclass(frozen=True)
class Load:
    """Notifications of the hold's update or updates, and how many of them are too few to matter."""

    wanted: int  # notifications that are to be held: of each update one per subscription asked for
    expected: int  # notifications of the updates; with --no-reset of the older subscriptions, too
    few: float
    healthy_per_second: int  # notifications to healthy subscribers: they may be in neither of two counts yet

    @classmethod
    def of(cls, hold: Hold) -> Load:
        """Compute it from the options and from earlier subscriptions."""
        options = hold.options
        wanted = options.load.notifications
        expected = wanted + hold.progress.existing * options.load.updates
        return cls(wanted, expected, (1 - HELD_SHARE) * wanted, options.probes.healthy * options.probes.rate)
