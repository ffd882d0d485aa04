"""The broker's own port: its connections, and those that wait to be accepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from scenario.run.samples import ConnectionSample
from scenario.verdict.evidence.clients import ClientAnswers
from scenario.verdict.evidence.counters import grown, most
from scenario.verdict.evidence.process import Process, seen_at
from scenario.verdict.hold import Hold
from scenario.verdict.thresholds import NEARLY_ALL


@dataclass(frozen=True)
class Port:
    """The port in the rows in which GET /version failed."""

    hold: Hold
    process: Process
    version: ClientAnswers

    @cached_property
    def _when_nok(self) -> list[ConnectionSample]:
        return seen_at(self.version.nok)

    @property
    def max_connections(self) -> int:
        """The limit on connections from the broker's command line."""
        return self.hold.found.command_line.max_connections

    @cached_property
    def inbound(self) -> int | None:
        """Connections at the port in the NOK rows (median).

        An inspector that does not tell them apart leaves those that do not lead to the listeners, less those at rest.
        """
        counted = [sample.inbound for sample in self._when_nok if sample.inbound is not None]
        if counted:
            return round(median(counted))
        now, rest = _others(self._when_nok), _others([r.connections for r in self.hold.at_rest if r.connections])
        return round(median(now) - median(rest)) if now and rest else None

    @property
    def full(self) -> bool | None:
        """Whether the broker's limit on clients was reached; False if GET /version never failed."""
        if not self.version.nok:
            return False
        return None if self.inbound is None else self.inbound >= NEARLY_ALL * self.max_connections

    @property
    def idle_clients(self) -> int | None:
        """How many more connections there were at the port while the idle clients held theirs; None: not measured."""
        idle = self.hold.progress.idle
        measured = [s for s in self.process.samples if s.inbound is not None]
        if idle is None or not measured or any(answer.error for answer in self.version.answers):
            return None
        there = [s.inbound or 0 for s in measured if idle.hold_at(s.at)]
        before = [s.inbound or 0 for s in measured if s.at < idle.at]
        return round(median(there) - median(before)) if there and before else None

    @cached_property
    def waiting(self) -> int | None:
        """The most connections that waited to be accepted in a NOK row."""
        return most(s.listen_queue for s in self._when_nok)

    @property
    def overflows(self) -> int:
        """Connections that found a listen queue full, on the broker's host; 0 if not measured."""
        return grown(self.process.samples, "listen_overflows") or 0

    @property
    def not_accepted(self) -> bool | None:
        """Whether connections waited at the port while it was silent; None: at some port of its host."""
        if self.waiting is None:
            return None
        return self.waiting > 1 or (None if self.overflows else False)

    @property
    def also_listening(self) -> int:
        """Other processes that listen at the port."""
        return most(s.also_listening for s in self.process.samples) or 0


def _others(samples: Sequence[ConnectionSample]) -> list[int]:
    return [s.established - s.to_listeners for s in samples if s.established is not None and s.to_listeners is not None]
