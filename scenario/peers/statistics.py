"""What a broker tells of itself: its notification queue, its semaphores, its subscription cache."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from scenario.peers.answers import Count

SUB_CACHE = "subCache"  # the semaphore of the subscription cache, as Orion calls it
SemWait = dict[str, float]  # s that its threads waited in all since its start, by semaphore; empty: not told


class NotificationQueue(msgspec.Struct, frozen=True):
    """The broker's notification queue; None: not told. All but size and backlog count since the broker's start."""

    size: Count | None = None  # when a worker last took something
    backlog: Count | None = None  # notifications that no worker has taken yet
    entered: Count | None = None
    sent_ok: Count | None = None
    sent_error: Count | None = None
    rejected: Count | None = None


@dataclass(frozen=True)
class Cache:
    """The subscription cache over all services: refreshes since the broker's start, subscriptions in it."""

    refreshes: int
    items: int
