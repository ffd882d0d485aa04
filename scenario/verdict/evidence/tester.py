"""The host that runs Locust."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scenario.run.results import Row
from scenario.verdict.evidence.counters import per_second, usual
from scenario.verdict.thresholds import BUSY, LATE_TESTER


@dataclass(frozen=True)
class Tester:
    """The tester, with the seconds in which clients suffered. None: not measured."""

    rows: Sequence[Row]
    suffering: frozenset[int]

    @property
    def late(self) -> float | None:
        """The longest delay of its event loop in or next to those seconds, in ms."""
        lateness = {row.second: row.version.late for row in self.rows if row.version and row.version.late is not None}
        near = {second + beside for second in self.suffering for beside in (-1, 0, 1, 2)}
        return max((late for second, late in lateness.items() if second in near), default=0.0) if lateness else None

    @property
    def idle(self) -> float | None:
        """CPUs that it had to spare in those seconds (median)."""
        return usual(per_second(self.rows, "tester_idle_seconds", self.suffering, "version"))

    @property
    def let_wait(self) -> bool:
        """Whether its event loop was late; False if not measured."""
        return (self.late or 0) > LATE_TESTER

    @property
    def busy(self) -> bool:
        """Whether its host had no CPU to spare; False if not measured."""
        return self.idle is not None and self.idle < 1 - BUSY
