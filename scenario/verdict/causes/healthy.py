"""The cause for which healthy subscribers are notified late."""

from __future__ import annotations

from scenario.peers.command_line import SPARE_WORKERS
from scenario.verdict.causes.cause import Cause, stopped_answering
from scenario.verdict.healthy import late, slowest, starved

HEALTHY = (
    Cause(
        "starved",
        "healthy subscribers wait for a notification worker, behind the slow receivers",
        (lambda s: starved(s.hold), lambda s: s.backlog > 0 if s.queue else None),
        lambda s: (
            f"they waited up to {slowest(late(s.hold)) / 1000:.1f} s in {len(late(s.hold))} rows, "
            f"with {s.held} notifications held and {s.backlog} waiting"
        ),
        lambda s: (
            f"start the broker with -notificationMode threadpool:60000:{s.expected + SPARE_WORKERS}, give the service "
            "that suffers a pool of its own, or the slow subscriptions a shorter timeout"
        ),
        (stopped_answering, lambda s: s.out_of_descriptors),
        "the notification queue: -statNotifQueue",
    ),
)
