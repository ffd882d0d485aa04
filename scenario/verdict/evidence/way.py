"""The way between the broker and its listeners: notifications that ended without an answer, answers that were lost."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from scenario.verdict.evidence.counters import grown
from scenario.verdict.evidence.listeners import Listeners
from scenario.verdict.evidence.load import Load
from scenario.verdict.evidence.queue import Queue
from scenario.verdict.hold import Hold


@dataclass(frozen=True)
class Way:
    """What both sides tell of the same notifications. None: one of them does not tell."""

    hold: Hold
    load: Load
    queue: Queue
    listeners: Listeners

    @property
    def unanswered(self) -> int | None:
        """Notifications that ended without an answer, by whichever side counts more."""
        counts = [count for count in (self.queue.sent_error, self.listeners.abandoned) if count is not None]
        return max(counts, default=None)

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
        """Slow receivers' answers that the broker took: what it counts as sent, less the healthy subscribers'.

        Of these the last second's come after the last count.
        """
        if self.queue.sent_ok is None:
            return None
        healthy = sum(row.healthy.arrived or 0 for row in self.hold.rows[:-1] if row.healthy)
        return max(0, self.queue.sent_ok - healthy)

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
