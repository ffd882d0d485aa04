"""The broker's notification queue from GET /statistics. Counters are measured from the first row of the hold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from scenario.run.samples import QueueSample
from scenario.verdict.evidence.clients import ClientAnswers
from scenario.verdict.evidence.counters import grown, most
from scenario.verdict.evidence.held import Held
from scenario.verdict.hold import Hold
from scenario.verdict.thresholds import MOST, REFRESH_WAIT


@dataclass(frozen=True)
class Queue:
    """The queue over the rows of a hold. None: not measured (no -statNotifQueue, another mode, --no-queue-size)."""

    hold: Hold
    held: Held
    version: ClientAnswers

    @cached_property
    def samples(self) -> list[QueueSample]:
        """The samples with a queue."""
        return [row.queue for row in self.hold.rows if row.queue and row.queue.entered is not None]

    @property
    def unreported(self) -> bool:
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
        waited = most(row.queue.backlog for row in rows if row.queue)
        return 0 if waited is None and self.samples else waited

    @property
    def backlog_at_end(self) -> int:
        """Notifications that waited for a worker in the last measured row; 0 if not measured."""
        backlogs = [row.queue.backlog for row in self.hold.rows if row.queue and row.queue.backlog is not None]
        return backlogs[-1] if backlogs else 0

    @cached_property
    def refresh_waits(self) -> dict[int, float] | None:
        """Seconds that requests waited for the subscription cache, by the row's second (s since the epoch).

        None: not measured (-statSemWait). Rows without a refresh or without waiting are omitted.
        """
        asked = [(row.second, row.queue) for row in self.hold.rows if row.queue]
        totals = [(second, queue.sub_cache_wait) for second, queue in asked if queue.sub_cache_wait is not None]
        if not totals:
            return None
        waits = {second: now - before for (_, before), (second, now) in pairwise(totals)}
        return {second: wait for second, wait in waits.items() if wait >= REFRESH_WAIT}

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
