"""The broker's host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from scenario.run.results import Row
from scenario.verdict.evidence.counters import grown, per_second, usual
from scenario.verdict.evidence.process import Process
from scenario.verdict.thresholds import BUSY


@dataclass(frozen=True)
class Host:
    """The host, with the seconds in which clients suffered."""

    rows: Sequence[Row]
    process: Process
    suffering: frozenset[int]

    @cached_property
    def idle(self) -> float | None:
        """CPUs that the host had to spare in those seconds (median)."""
        return usual(per_second(self.rows, "host_idle_seconds", self.suffering))

    @property
    def busy(self) -> bool:
        """Whether it had no CPU to spare in them; False if not measured."""
        return self.idle is not None and self.idle < 1 - BUSY

    @property
    def cpus(self) -> float:
        """CPUs of the host; if not measured, those that the broker may use."""
        return next((sample.host_cpus for sample in self.process.samples if sample.host_cpus), self.process.cpus)

    @property
    def taken(self) -> dict[str, float]:
        """CPUs that each took in those seconds (median), the most first: the broker, its neighbours, the hypervisor."""
        counters = {
            "the broker": "cpu_seconds",
            "its database": "database_cpu_seconds",
            "the listener": "listener_cpu_seconds",
            "Locust": "tester_cpu_seconds",
            "the hypervisor": "host_steal_seconds",
        }
        rates = {who: per_second(self.rows, counter, self.suffering) for who, counter in counters.items()}
        shares = {who: median(each) for who, each in rates.items() if each}
        seen = [row.connections for row in self.rows if row.connections and row.second in self.suffering]
        names = {name for sample in seen for name in sample.cpu_of_others}
        shares |= {name: median(sample.cpu_of_others.get(name, 0.0) for sample in seen) for name in names}
        return dict(sorted(shares.items(), key=lambda share: -share[1]))

    @property
    def resets(self) -> int | None:
        """Connections of any process that were reset there."""
        return grown(self.process.samples, "resets")
