"""Limits of the broker's process, and what was in use when the least was left. None if unknown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

from scenario.preflight.limits import descriptors
from scenario.run.samples import ConnectionSample
from scenario.settings.needs import FDS_PER_NOTIFICATION
from scenario.verdict.evidence.clients import ClientAnswers
from scenario.verdict.evidence.counters import grown, most
from scenario.verdict.evidence.held import per_notification
from scenario.verdict.evidence.process import Process, seen_at
from scenario.verdict.hold import Hold
from scenario.verdict.thresholds import DENSE, FEW_FREE, MANY_PORTS, MOST


@dataclass(frozen=True)
class ProcessLimits:
    """Descriptors, threads, memory, and ports for connections to the listeners."""

    hold: Hold
    process: Process
    version: ClientAnswers

    @property
    def nofile(self) -> int | None:
        """The soft limit on descriptors; None if unlimited or unknown."""
        return self.process.samples[-1].nofile if self.process.samples else None

    @property
    def out_of_descriptors(self) -> bool | None:
        """Whether the process reached its limit on descriptors."""
        if self.process.fds is None:
            return None
        return self.nofile is not None and self.process.fds >= self.nofile - FEW_FREE

    @property
    def fds_each(self) -> float:
        """Descriptors per held notification; if unknown, those measured on Orion."""
        return per_notification(self.hold.rows, self.hold.options.load.notifications) or FDS_PER_NOTIFICATION

    @property
    def fds_needed(self) -> int:
        """The limit on descriptors that the broker needs, higher than the one that it reached."""
        needed = descriptors(self.hold.options, max(self.fds_each, FDS_PER_NOTIFICATION))
        return max(needed, 2 * (self.nofile or 0) if self.out_of_descriptors and needed <= (self.nofile or 0) else 0)

    @property
    def low_numbers_taken(self) -> bool | None:
        """Whether hardly a descriptor number below 1024 was free when connections were closed at once."""
        free = [number for s in self._when_closed if (number := s.free_low) is not None]
        return sum(number <= FEW_FREE for number in free) > MOST * len(free) if free else None

    @property
    def free_low(self) -> int:
        """The most free descriptor numbers below 1024 in those rows."""
        return most(s.free_low for s in self._when_closed) or 0

    @property
    def _when_closed(self) -> list[ConnectionSample]:
        return seen_at(self.version.closed)

    @cached_property
    def threads(self) -> tuple[int, int, str] | None:
        """Threads used of the tightest limit, that limit, and where it is set, when the fewest were left."""
        return self._tightest("threads")

    @property
    def threads_refused(self) -> int:
        """Threads that a control group's limit refused; 0 if not measured."""
        return grown(self.process.samples, "threads_refused") or 0

    @property
    def out_of_threads(self) -> bool | None:
        """Whether the process reached its limit on threads."""
        if self.threads_refused:
            return True
        return None if self.threads is None else self.threads[0] >= self.threads[1] - FEW_FREE

    @cached_property
    def memory(self) -> tuple[int, int, str] | None:
        """Bytes used of the tightest limit on memory, that limit, and where it is set, when the least was left."""
        return self._tightest("memory")

    def _tightest(self, what: str) -> tuple[int, int, str] | None:
        figures = [f"{what}_used", f"{what}_limit", f"{what}_limit_at"]
        seen = [attrgetter(*figures)(sample) for sample in self.process.samples]
        return min((limit for limit in seen if None not in limit), key=lambda limit: limit[1] - limit[0], default=None)

    @cached_property
    def ports(self) -> tuple[int, int, int] | None:
        """The most local ports that led to the listeners, the ports from their lowest to highest, those taken there."""
        spans = [
            (s.listener_ports, s.listener_port_span or 0, s.listener_ports_taken or 0)
            for s in self.process.samples
            if s.listener_ports is not None
        ]
        return max(spans, default=None)

    @property
    def out_of_ports(self) -> bool | None:
        """Whether the local ports are packed: they are chosen at random from the range while some are free."""
        if self.ports is None:
            return None
        count, span, taken = self.ports
        return count >= MANY_PORTS and taken >= DENSE * span
