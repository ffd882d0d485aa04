"""Orion's command line, as far as the test has to know it; with the defaults of its manual."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

HTTP_TIMEOUT = 5000  # ms
MAX_CONNECTIONS = 1020
CACHE_INTERVAL = 60  # s
POOL = 100, 10  # queue and workers of `threadpool` without numbers: seen on 4.7.0


@dataclass(frozen=True)
class Pool:
    """A pool of notification workers: the length of its queue, its workers, and whether a service has it for itself."""

    queue: int
    workers: int
    own: bool = False


@dataclass(frozen=True)
class CommandLine:
    """The words that the broker was started with; an ORION_ variable of its environment may say something else."""

    words: tuple[str, ...]

    def argument(self, option: str) -> str | None:
        """Return what follows the last `option`; None if it is not there."""
        return next((value for word, value in reversed(list(pairwise(self.words))) if word == option), None)

    def number(self, option: str, default: int) -> int:
        """Return the number after `option`; the default when there is none."""
        given = self.argument(option) or ""
        return int(given) if re.fullmatch(r"[0-9]{1,9}", given) else default

    @property
    def http_timeout(self) -> int:
        """Time limit for the answer to a notification, in ms."""
        return self.number("-httpTimeout", HTTP_TIMEOUT)

    @property
    def max_connections(self) -> int:
        """Connections that the broker takes at its own port."""
        return self.number("-maxConnections", MAX_CONNECTIONS)

    @property
    def request_pool(self) -> int:
        """Threads that serve requests; 0: one per connection."""
        return self.number("-reqPoolSize", 0)

    @property
    def cache_interval(self) -> int:
        """Seconds between two refreshes of the subscription cache; 0: no refreshes."""
        return self.number("-subCacheIval", CACHE_INTERVAL)

    @property
    def mode(self) -> str:
        """The name of the notification mode: transient, persistent or threadpool."""
        return re.split("[:,]", self.argument("-notificationMode") or "transient")[0]

    def pool(self, service: str) -> Pool | None:
        """Return the pool of a service; None without one, or in another form than threadpool[:Q:N][,service:Q:N]..."""
        first, *others = (self.argument("-notificationMode") or "").split(",")
        for text in others:
            if numbers := re.fullmatch(re.escape(service) + r":(\d{1,9}):(\d{1,9})", text):
                return Pool(int(numbers[1]), int(numbers[2]), own=True)
        if first == "threadpool":
            return Pool(*POOL)
        numbers = re.fullmatch(r"threadpool:(\d{1,9}):(\d{1,9})(?::.*)?", first)
        return Pool(int(numbers[1]), int(numbers[2])) if numbers else None
