"""The way between broker and listeners: notifications that are lost, answered or repeated on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from scenario.verdict.evidence.counters import grown, most
from scenario.verdict.evidence.healthy import Healthy
from scenario.verdict.evidence.held import Held
from scenario.verdict.evidence.listeners import Listeners
from scenario.verdict.evidence.load import Load
from scenario.verdict.evidence.queue import Queue
from scenario.verdict.hold import Hold
from scenario.verdict.thresholds import AT_ONCE


@dataclass(frozen=True)
class Way:
    """Counts of the same notifications on both sides. None: not measured on one side."""

    hold: Hold
    load: Load
    held: Held
    healthy: Healthy
    queue: Queue
    listeners: Listeners

    @property
    def unanswered(self) -> int | None:
        """Notifications that ended without an answer, according to the side that counts more."""
        return most((self.queue.sent_error, self.listeners.abandoned))

    @cached_property
    def ended_at(self) -> int:
        """The second by which half of those had ended."""
        half = (self.unanswered or 0) / 2
        first: dict[str, int] = {}
        for row in self.hold.rows:
            for sample, counter in ((row.queue, "sent_error"), (row.listener, "abandoned")):
                value = getattr(sample, counter, None)
                if value is not None and value - first.setdefault(counter, value) >= half:
                    return row.since_trigger
        return 0

    @cached_property
    def taken(self) -> int | None:
        """Answers of slow receivers that the broker accepted: its count of sent ones without the healthy subscribers'.

        Of these the last second's come after the last count.
        """
        if self.queue.sent_ok is None:
            return None
        return max(0, self.queue.sent_ok - self.healthy.arrived_by(self.hold.rows[-1].second - 1))

    @cached_property
    def answers_lost(self) -> int | None:
        """Notifications that the listeners answered, and whose answers never reached the broker.

        The broker has two seconds to take the last of them, and then has to tell.
        """
        if self.taken is None:
            return None
        last = self.queue.samples[-1].second - 2
        answered = grown([sample for sample in self.listeners.samples if sample.second <= last], "received") or 0
        return max(0, answered - self.taken - (self.queue.sent_error or 0) - self.load.healthy_per_second)

    @cached_property
    def answered_between(self) -> int | None:
        """The most answers that the broker had counted before the listeners gave them: something in between did."""
        counted, reported = self.queue.samples, self.listeners.samples
        # What a listener gave is looked up a second later, because both are not asked at one moment; of the healthy
        # subscribers' answers all are left out that there may have been by then.
        surplus = [
            (grown([counted[0], row.queue], "sent_ok") or 0)
            - self.load.healthy_per_second * (row.second - counted[0].second + 1)
            - (grown([reported[0], later.listener], "received") or 0)
            for row, later in pairwise(self.hold.loaded)
            if row.queue and row.queue.entered is not None and later.listener and not later.listener.error
        ]
        return min(max(surplus), self.load.expected) if surplus else None

    @cached_property
    def answered_at_once(self) -> int | None:
        """Notifications that were answered by anyone within AT_ONCE s of the update."""
        rows = [row for row in self.hold.rows if row.since_trigger <= AT_ONCE]
        by_broker = grown([row.queue for row in rows if row.queue], "sent_ok")
        by_listeners = grown([row.listener for row in rows if row.listener], "received")
        of_healthy = self.healthy.arrived_by(rows[-1].second) if rows else 0
        return most((None if by_broker is None else by_broker - of_healthy, by_listeners))

    @cached_property
    def repeated(self) -> int | None:
        """Notifications that arrived more often than the broker sent them."""
        last = self.listeners.of_update
        if last is None or last.notifications is None or self.queue.entered is None:
            return None
        if not last.doubled:
            return 0
        sent, different = self.queue.entered - self.healthy.sent, (last.notified or 0) * self.hold.options.load.updates
        return max(0, last.notifications - max(sent, different))

    @cached_property
    def held_elsewhere(self) -> int | None:
        """The most notifications that the broker held over open connections, and no listener that was asked did."""
        surplus = [
            min(unanswered, count) - row.listener.held - (row.healthy.waiting or 0 if row.healthy else 0)
            for row in self.hold.loaded
            if row.listener and row.listener.held is not None and row.connections
            if (unanswered := self.held.by_counters(row)[1]) is not None
            if (count := row.connections.to_listeners) is not None
        ]
        return max(surplus) - self.load.healthy_per_second if surplus else None
