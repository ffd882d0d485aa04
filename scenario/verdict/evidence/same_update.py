"""The update that notifies the slow receivers of an NGSI-LD broker: held, waiting, dropped, lost notifications."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import floor

from scenario.peers import kind_of, known_to_hold
from scenario.run.results import Row
from scenario.verdict.evidence.clients import ClientAnswers
from scenario.verdict.evidence.counters import most
from scenario.verdict.evidence.healthy import Healthy
from scenario.verdict.evidence.held import Held
from scenario.verdict.evidence.listeners import Listeners
from scenario.verdict.evidence.load import Load
from scenario.verdict.hold import Hold
from scenario.verdict.thresholds import QUIET


@dataclass(frozen=True)
class SameUpdate:
    """Of the trigger's update or updates; also the healthy subscribers that these notify."""

    hold: Hold
    load: Load
    counted: Held
    listeners: Listeners
    healthy: Healthy
    update: ClientAnswers

    @property
    def known_to_hold(self) -> int | None:
        """The most that this kind of broker holds at one time; None if unknown."""
        return known_to_hold(self.hold.options)

    @property
    def held(self) -> int | None:
        """The most that were held at one time, by the listeners, else by connections; None: not measured.

        What they still hold of an earlier step is none of this update's.
        """
        told = [row.listener.held for row in self.hold.loaded if row.listener and row.listener.held is not None]
        return max(told, default=self.counted.most)

    @property
    def shares_address(self) -> bool:
        """Whether the healthy subscribers are at an address of slow receivers."""
        return self.hold.options.healthy_address in self.hold.options.slow_addresses

    @property
    def wanted(self) -> int:
        """Expected notifications of this update to healthy subscribers."""
        return self.healthy.count * self.hold.options.load.updates if self.hold.progress.update else 0

    @property
    def measured(self) -> bool:
        """Whether their listener reported them."""
        return any(sample.same_arrived is not None for sample in self.healthy.samples)

    @property
    def arrived(self) -> int:
        """How many of these arrived."""
        return min(self.wanted, most(sample.same_arrived for sample in self.healthy.samples) or 0)

    @property
    def slowest(self) -> float:
        """The longest, in ms, that one of them took, or has waited to the end."""
        took = most(sample.same_slowest for sample in self.healthy.samples) or 0.0
        update, samples = self.hold.progress.update, self.healthy.samples
        if update is None or not samples or self.arrived >= self.wanted:
            return took
        return max(took, (samples[-1].at - update.at) * 1000)

    @cached_property
    def late_rows(self) -> list[Row]:
        """The rows in which healthy subscribers of another entity were late, and not because their update was."""
        limit = self.hold.options.healthy_limit
        slow = {answer.row.second for answer in self.update.answers if answer.failure or answer.latency > limit}
        late = {
            sample.second
            for sample in self.healthy.late
            if slow.isdisjoint(range(floor(sample.second - (sample.slowest or 0) / 1000 - 1), sample.second + 1))
        }
        return [row for row in self.hold.rows if row.second in late]

    @property
    def held_when_late(self) -> int:
        """The most that the listeners held in these rows."""
        return most(row.listener.held for row in self.late_rows if row.listener) or 0

    @property
    def connecting_when_late(self) -> int:
        """The most connections to receivers that were not answered in these rows: SYN_SENT."""
        return most(row.connections.connecting_to_listeners for row in self.late_rows if row.connections) or 0

    @cached_property
    def _arrivals(self) -> list[tuple[int, int]]:
        """(second since the update, notifications of it until then)."""
        update = self.hold.progress.update
        return [
            (row.since_trigger, row.listener.notifications or 0)
            for row in self.hold.loaded
            if row.listener and update and row.listener.update == update.number
        ]

    @property
    def last_at(self) -> int:
        """The second by which the last one had arrived."""
        last = most(count for _, count in self._arrivals)
        return next((second for second, count in self._arrivals if count == last), 0)

    @property
    def waiting(self) -> bool:
        """Whether some were held, or still came, at the end."""
        last = self.hold.rows[-1]
        return bool(last.listener and last.listener.held) or last.since_trigger - self.last_at < QUIET

    @property
    def gave_up(self) -> int:
        """Notifications that the broker gave up while they were held."""
        return self.listeners.abandoned or 0

    @property
    def lost(self) -> bool:
        """Whether what is missing is lost: nothing is on its way, and every receiver was there and answered in time."""
        return not (self.waiting or self.gave_up or self.listeners.unreachable or self.connecting_when_late)

    @property
    def why_missing(self) -> str:
        """What happened to those that had not arrived at the end."""
        if self.waiting:
            return "still waited at the end"
        if self.gave_up and kind_of(self.hold.options).breaker:
            return "were dropped, after others had not been answered in time"
        return "had not arrived at the end"
