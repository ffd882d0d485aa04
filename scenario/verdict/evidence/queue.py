"""The broker's notification queue from GET /statistics. Counters are measured from the first row of the hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from scenario.run.results import Row
from scenario.run.samples import QueueSample
from scenario.verdict.evidence.clients import Client
from scenario.verdict.evidence.counters import grown
from scenario.verdict.evidence.held import Held
from scenario.verdict.hold import Hold
from scenario.verdict.thresholds import MOST, REFRESH_WAIT


@dataclass(frozen=True)
class Queue:
    """The queue over the rows of a hold. None: not measured (no -statNotifQueue, another mode, --no-queue-size)."""

    hold: Hold
    held: Held
    version: Client

    @cached_property
    def samples(self) -> list[QueueSample]:
        """The samples with a queue."""
        return [row.queue for row in self.hold.rows if row.queue and row.queue.entered is not None]

    @property
    def untold(self) -> bool:
        """Whether GET /statistics was answered, but never with the queue."""
        asked = [row.queue for row in self.hold.rows if row.queue]
        return not self.samples and any(not sample.error for sample in asked)

    @property
    def entered(self) -> int | None:
        """Notifications that the broker queued."""
        return grown(self.samples, "entered")

    @property
    def rejected(self) -> int | None:
        """Notifications that found the queue full."""
        return grown(self.samples, "rejected")

    @property
    def sent_ok(self) -> int | None:
        """Notifications that the broker counts as answered."""
        return grown(self.samples, "sent_ok")

    @property
    def sent_error(self) -> int | None:
        """Notifications that the broker counts as failed."""
        return grown(self.samples, "sent_error")

    @cached_property
    def backlog(self) -> int | None:
        """The most notifications that waited for a worker while the most connections were held."""
        rows = [row for row in self.hold.rows if row.since_trigger in self.held.full and row.phase == "observe"]
        waiting = _backlogs([row.queue for row in rows if row.queue])
        return max(waiting) if waiting else 0 if self.samples else None

    @property
    def backlog_at_end(self) -> int:
        """Notifications that waited for a worker in the last measured row; 0 if not measured."""
        return next(iter(reversed(_backlogs([row.queue for row in self.hold.rows if row.queue]))), 0)

    @cached_property
    def refresh_waits(self) -> dict[int, float] | None:
        """Seconds that requests waited for the subscription cache, by the row's second (s since the epoch).

        None: not measured (-statSemWait). Rows without a refresh or without waiting are omitted.
        """
        told = [row for row in self.hold.rows if row.queue and row.queue.sub_cache_wait is not None]
        if not told:
            return None
        waits = ((now.second, self._waited(before, now)) for before, now in pairwise(told))
        return {second: wait for second, wait in waits if wait >= REFRESH_WAIT}

    @staticmethod
    def _waited(before: Row, now: Row) -> float:
        if before.queue is None or now.queue is None:
            return 0.0
        return (now.queue.sub_cache_wait or 0) - (before.queue.sub_cache_wait or 0)

    @property
    def refreshes(self) -> int | None:
        """Refreshes of the subscription cache."""
        return grown([row.queue for row in self.hold.rows if row.queue], "refreshes")

    @property
    def fell(self) -> bool:
        """Whether its counters decreased."""
        return any(now < before for before, now in pairwise(sample.entered or 0 for sample in self.samples))

    @property
    def silent(self) -> bool | None:
        """Whether GET /statistics, over a connection that was open before, got no answer either in the silent rows."""
        asked = [answer.row.queue for answer in self.version.silent if answer.row.queue]
        return sum(bool(sample.error) for sample in asked) > MOST * len(asked) if asked else None


def _backlogs(samples: Sequence[QueueSample]) -> list[int]:
    return [sample.backlog for sample in samples if sample.backlog is not None]
