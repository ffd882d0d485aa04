"""The broker's host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from scenario.run.results import Row
from scenario.verdict.evidence.counters import grown, per_second
from scenario.verdict.evidence.process import Process
from scenario.verdict.thresholds import BUSY


@dataclass(frozen=True)
class Host:
    """The host, with the seconds in which clients suffered."""

    rows: Sequence[Row]
    process: Process
    suffering: frozenset[int]

    @property
    def idle(self) -> float | None:
        """CPUs that the host had to spare in those seconds (median)."""
        idle = per_second(self.rows, "host_idle_seconds", self.suffering)
        return median(idle) if idle else None

    @property
    def busy(self) -> bool:
        """Whether it had no CPU to spare in them; False also where that was not measured."""
        return self.idle is not None and self.idle < 1 - BUSY

    @property
    def resets(self) -> int | None:
        """Connections that were reset there, of whatever process."""
        return grown(self.process.samples, "resets")
