"""What a broker reports about itself: its notification queue, its semaphores, its subscription cache."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from scenario.peers.answers import Count

SUB_CACHE = "subCache"  # the semaphore of the subscription cache, as Orion calls it
SemWait = dict[str, float]  # s that its threads waited since its start, by semaphore; empty: not reported


class BrokerStatistics(msgspec.Struct, frozen=True):
    """Its notification queue and semaphores; None: not reported. All but size and backlog count since its start."""

    size: Count | None = None  # when a worker last took something
    backlog: Count | None = None  # notifications that no worker has taken yet
    entered: Count | None = None
    sent_ok: Count | None = None
    sent_error: Count | None = None
    rejected: Count | None = None
    sem_wait: SemWait = {}


@dataclass(frozen=True)
class Cache:
    """The subscription cache over all services: refreshes since the broker's start, subscriptions in it."""

    refreshes: int
    items: int
