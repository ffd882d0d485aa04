"""The host that runs Locust."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from scenario.run.results import Row
from scenario.verdict.thresholds import BUSY, LATE_TESTER


@dataclass(frozen=True)
class Tester:
    """The tester, with the seconds in which clients suffered. None: not measured."""

    rows: Sequence[Row]
    suffering: frozenset[int]

    @property
    def late(self) -> float | None:
        """The longest, in ms, that it let something wait that was due in those seconds."""
        known = [row.version.late for row in self.rows if row.version and row.version.late is not None]
        ill = [
            v.late for row in self.rows if (v := row.version) and v.late is not None and row.second in self.suffering
        ]
        return max(ill, default=0.0) if known else None

    @property
    def idle(self) -> float | None:
        """CPUs that it had to spare in those seconds (median)."""
        told = [(row.second, v) for row in self.rows if (v := row.version) and v.tester_idle_seconds is not None]
        rates = [
            ((now.tester_idle_seconds or 0) - (before.tester_idle_seconds or 0)) / (now.at - before.at)
            for (_, before), (second, now) in pairwise(told)
            if second in self.suffering and now.at > before.at
        ]
        return median(rates) if rates else None

    @property
    def busy(self) -> bool:
        """Whether it had no CPU to spare, or let things wait; False also where that was not measured."""
        return (self.idle is not None and self.idle < 1 - BUSY) or (self.late or 0) > LATE_TESTER
