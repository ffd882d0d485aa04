"""What a run's rows come to, in figures: connections held, descriptors, notifications, what the listeners took.

Counters count from the first row, so that earlier runs do not count. What nobody told is 0 here, and no symptom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from scenario.preflight.limits import FDS_PER_NOTIFICATION, SPARE
from scenario.run.results import Row
from scenario.run.samples import ConnectionSample, ListenerSample, QueueSample
from scenario.verdict.held import HELD_SHARE, Hold, fds_per_notification, held_per_row


@dataclass(frozen=True)
class Figures:
    """The figures of a run."""

    hold: Hold

    @property
    def wanted(self) -> int:
        """Subscriptions asked for."""
        return self.hold.options.subscriptions

    @property
    def expected(self) -> int:
        """Notifications that one update triggers: one per subscription, with --no-reset the older ones too."""
        return self.wanted + self.hold.progress.existing

    @property
    def few(self) -> float:
        """What is too little of the notifications to matter."""
        return (1 - HELD_SHARE) * self.wanted

    @cached_property
    def probed(self) -> list[Row]:
        """The rows with an answer, or none, to GET /version."""
        return [row for row in self.hold.rows if row.version is not None]

    @cached_property
    def nok(self) -> list[Row]:
        """The rows in which GET /version failed."""
        return [row for row in self.probed if not row.version_ok]

    @cached_property
    def slow(self) -> list[Row]:
        """The rows in which GET /version was right, but slower than the SLO."""
        slo = self.hold.options.version_slo
        return [row for row in self.probed if row.version and row.version_ok and (row.version.latency or 0) > slo]

    @property
    def slowest(self) -> float:
        """The longest that GET /version took, in ms."""
        return max((row.version.latency or 0 for row in self.probed if row.version), default=0)

    @cached_property
    def process(self) -> list[ConnectionSample]:
        """The broker's process as the inspector saw it."""
        return [row.connections for row in self.hold.rows if row.connections and not row.connections.error]

    @cached_property
    def queue(self) -> list[QueueSample]:
        """The notification queue."""
        return [row.queue for row in self.hold.rows if row.queue and row.queue.entered is not None]

    @cached_property
    def listener(self) -> list[ListenerSample]:
        """The listeners' stats."""
        return [row.listener for row in self.hold.rows if row.listener and not row.listener.error]

    @cached_property
    def held(self) -> int:
        """The most connections held at one time."""
        return max((held for held, _ in held_per_row(self.hold)), default=0)

    @cached_property
    def ports(self) -> tuple[int, int, int]:
        """The most local ports that led to the listeners, the ports from their lowest to highest, those taken there."""
        spans = [
            (s.listener_ports, s.listener_port_span or 0, s.listener_ports_taken or 0)
            for s in self.process
            if s.listener_ports is not None
        ]
        return max(spans, default=(0, 0, 0))

    @cached_property
    def pids(self) -> list[str]:
        """The ids of the broker's processes, one after the other."""
        return [process.split()[0] for process in dict.fromkeys(s.process for s in self.process) if process]

    @cached_property
    def fds(self) -> int:
        """The most descriptors open at one time."""
        return max((sample.fds or 0 for sample in self.process), default=0)

    @property
    def close_wait(self) -> int:
        """CLOSE_WAIT connections at the end."""
        return self.process[-1].close_wait or 0 if self.process else 0

    @property
    def nofile(self) -> int | None:
        """The broker's limit on them."""
        return self.process[-1].nofile if self.process else None

    @property
    def fds_each(self) -> float:
        """Descriptors that a held notification costs the broker; what Orion was measured to take, if nobody knows."""
        return fds_per_notification(self.hold.rows, self.wanted) or FDS_PER_NOTIFICATION

    @property
    def fds_needed(self) -> int:
        """The limit on descriptors that the broker needs."""
        return round(self.wanted * max(self.fds_each, FDS_PER_NOTIFICATION)) + SPARE

    @property
    def entered(self) -> int:
        """Notifications that the broker queued."""
        return grown(self.queue, "entered")

    @property
    def notified(self) -> int:
        """Subscriptions that the update notified, as the listeners know, or as far as queue or connections tell."""
        update = self.hold.progress.update
        known = [s.notified for s in self.listener if update and s.update == update.number and s.notified]
        held = max((sample.held or 0 for sample in self.listener), default=0)
        return max(known) if known else max(self.entered - self.to_healthy, held)

    @property
    def to_healthy(self) -> int:
        """Notifications to the healthy subscribers: those that came, are under way or were lost."""
        samples = [row.healthy for row in self.hold.rows if row.healthy]
        missing = sum((last.waiting or 0) + (last.lost or 0) for last in samples[-1:])
        return sum(each.arrived or 0 for each in samples) + missing

    @property
    def never_arrived(self) -> int:
        """Subscriptions whose notification no listener had, as the listeners know; 0 where they do not tell."""
        known = [sample.update for sample in self.listener if sample.update is not None]
        return max(0, self.expected - self.notified) if known else 0

    @property
    def rejected(self) -> int:
        """Notifications that found the queue full."""
        return grown(self.queue, "rejected")

    @property
    def sent_error(self) -> int:
        """Notifications that the broker counted as failed."""
        return grown(self.queue, "sent_error")

    @cached_property
    def backlog(self) -> int:
        """The most notifications that waited for a worker while the most connections were held."""
        held = held_per_row(self.hold)
        full = {second for count, second in held if count >= HELD_SHARE * self.held}
        rows = [row.queue for row in self.hold.rows if row.since_trigger in full and row.phase == "observe"]
        return max((queue.backlog for queue in rows if queue and queue.backlog is not None), default=0)

    @cached_property
    def accepted(self) -> int:
        """Connections that the listeners took before they gave any back: later ones may take their places."""
        before = [sample for sample in self.listener if grown([self.listener[0], sample], "received") <= self.few]
        return grown(before, "accepted")

    @property
    def abandoned(self) -> int:
        """Notifications that the broker gave up while the listeners still held them."""
        return grown(self.listener, "abandoned")

    @property
    def resets(self) -> int:
        """Connections that were reset on the broker's host, whosever they were."""
        return grown(self.process, "resets")

    @property
    def rss_each(self) -> float:
        """Bytes of memory that a held notification costs the broker; 0 when nobody can tell."""
        return grown(self.process, "rss") / self.held if self.held else 0.0

    @property
    def pauses(self) -> int:
        """Times that the listeners were out of descriptors."""
        return grown(self.listener, "out_of_descriptors")

    @cached_property
    def taken(self) -> int:
        """Slow receivers' answers that the broker took: what it counts as sent, less the healthy subscribers'.

        Of these the last second's come after the last count.
        """
        healthy = sum(row.healthy.arrived or 0 for row in self.hold.rows[:-1] if row.healthy)
        return max(0, grown(self.queue, "sent_ok") - healthy)

    @property
    def healthy_per_second(self) -> int:
        """Notifications that the healthy subscribers get in a second: they may be in neither of two counts yet."""
        return self.hold.options.healthy * self.hold.options.rate

    @cached_property
    def answers_lost(self) -> int:
        """Notifications that the listeners answered, and whose answers never reached the broker; 0 where nobody tells.

        The broker has two seconds to take the last of them, and then has to tell.
        """
        if not self.queue:
            return 0
        answered = grown([sample for sample in self.listener if sample.second <= self.queue[-1].second - 2], "received")
        return max(0, answered - self.taken - self.sent_error - self.healthy_per_second)

    @property
    def unanswered(self) -> int:
        """Notifications that ended without an answer."""
        return max(self.sent_error, self.abandoned)

    @cached_property
    def ended_at(self) -> int:
        """The second by which half of those that ended without an answer had done so."""
        half = self.unanswered / 2
        first: dict[str, int] = {}
        for row in self.hold.rows:
            for sample, counter in ((row.queue, "sent_error"), (row.listener, "abandoned")):
                value = getattr(sample, counter, None)
                if value is not None and value - first.setdefault(counter, value) >= half:
                    return row.since_trigger
        return 0

    @property
    def delay(self) -> float | None:
        """The listeners' delay in s; None when they do not tell."""
        return self.hold.found.delay


def grown(samples: Sequence[object], counter: str) -> int:
    """Return how much a counter grew from the first sample to its highest value."""
    values = [value for sample in samples if (value := getattr(sample, counter)) is not None]
    return max(values) - values[0] if values else 0
