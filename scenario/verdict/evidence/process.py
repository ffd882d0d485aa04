"""The broker's process as the inspector saw it: its identity, its state, its use of resources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from scenario.peers.failures import Kind
from scenario.run.results import Row
from scenario.run.samples import ConnectionSample
from scenario.verdict.evidence.clients import Answer
from scenario.verdict.evidence.counters import grown, most, per_second, usual
from scenario.verdict.thresholds import FEW_STATES, MOST


@dataclass(frozen=True)
class Process:
    """The broker's process over the rows of a hold."""

    rows: Sequence[Row]

    @cached_property
    def samples(self) -> list[ConnectionSample]:
        """The samples with counts; empty if there are none."""
        return seen_in(self.rows)

    @cached_property
    def pids(self) -> list[str]:
        """The ids of the broker's processes, one after the other."""
        return [process.split()[0] for process in dict.fromkeys(s.process for s in self.samples) if process]

    @property
    def fds(self) -> int | None:
        """The most descriptors open at one time."""
        return most(s.fds for s in self.samples)

    @property
    def close_wait(self) -> int | None:
        """CLOSE_WAIT connections at the end."""
        return self.samples[-1].close_wait if self.samples else None

    @property
    def rss_growth(self) -> int | None:
        """Growth of its memory since the first row, in bytes."""
        return grown(self.samples, "rss")

    @property
    def unseen(self) -> Counter[Kind]:
        """Rows in which the inspector could not look at it, by reason."""
        return Counter(row.connections.failure for row in self.rows if row.connections and row.connections.failure)

    @property
    def killed_for_memory(self) -> bool | None:
        """Whether the kernel killed a process of its control group for memory; None: one of its host, maybe another."""
        if grown(self.samples, "oom_kills") or Kind.KILLED_FOR_MEMORY in self.unseen:
            return True
        elsewhere = Kind.KILLED_ON_HOST in self.unseen or grown(self.samples, "host_oom_kills")
        return None if elsewhere else False

    # Its way to the listeners

    @property
    def connecting(self) -> int | None:
        """The most connections to the listeners that were not answered yet (SYN_SENT)."""
        return most(s.connecting_to_listeners for s in self.samples)

    @property
    def unresolved(self) -> tuple[str, ...]:
        """Listeners, host:port, whose name had no address on its host."""
        return tuple(dict.fromkeys(address for sample in self.samples for address in sample.unresolved))

    @property
    def lookup(self) -> float | None:
        """Seconds that the slowest lookup of a listener's name took there."""
        return most(s.lookup_seconds for s in self.samples)

    # Its CPU

    @property
    def cpus(self) -> float:
        """CPUs that it may use; 1 if unknown."""
        return next((sample.cpus for sample in self.samples if sample.cpus), 1.0)

    def cpu_in(self, seconds: Collection[int]) -> float | None:
        """Return the CPUs that it kept busy in the rows of some seconds (median)."""
        return usual(per_second(self.rows, "cpu_seconds", seconds))

    def throttled_in(self, seconds: Collection[int]) -> float:
        """Return the most CPUs that a quota withheld from it in those rows; 0 without a quota."""
        return max(per_second(self.rows, "throttled_seconds", seconds), default=0.0)

    def always_ready_in(self, seconds: Collection[int]) -> bool:
        """Whether it was running or ready to run (R) in nearly all those rows: it waited for a CPU alone."""
        states = [row.connections.state for row in self.rows if row.second in seconds and row.connections]
        return len(states) > FEW_STATES and sum(state.startswith("R") for state in states) > MOST * len(states)


def seen_in(rows: Sequence[Row]) -> list[ConnectionSample]:
    """Return what the inspector saw in some rows."""
    return [row.connections for row in rows if row.connections and not row.connections.error]


def seen_at(answers: Sequence[Answer]) -> list[ConnectionSample]:
    """Return what the inspector saw in the rows of some answers."""
    return seen_in([answer.row for answer in answers])
