"""How the broker was started: its command line and its version."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scenario.peers.command_line import CommandLine, Pool
from scenario.run.found import Found


@dataclass(frozen=True)
class Started:
    """The broker's version and command line. None: unknown."""

    found: Found

    @property
    def _line(self) -> CommandLine:
        return self.found.command_line

    @property
    def without_pool(self) -> bool | None:
        """Whether the notification mode is another than threadpool."""
        return self._line.mode != "threadpool" if self.found.process else None

    @property
    def pool(self) -> Pool | None:
        """The service's notification workers; None if unknown or without a pool."""
        return self._line.pool(self.found.options.broker.service)

    @property
    def own_pool(self) -> bool:
        """Whether the service has a pool for itself."""
        return self.pool is not None and self.pool.own

    @property
    def workers(self) -> int | None:
        """Notification workers."""
        return self.pool.workers if self.pool else None

    @property
    def http_timeout(self) -> float:
        """Time limit for a notification in s; the default if unknown."""
        return self._line.http_timeout / 1000

    @property
    def request_pool(self) -> int:
        """Threads that serve requests (-reqPoolSize); 0: one per connection."""
        return self._line.request_pool

    @property
    def pool_of_requests(self) -> bool | None:
        """Whether a pool serves requests, and not a thread per connection."""
        return self.request_pool > 0 if self.found.process else None

    @property
    def may_use_select(self) -> bool | None:
        """Whether its server may use select(): Orion up to 1.4; Orion-LD without a pool; Orion 3 and 4 with one.

        Orion 3 and 4 without -reqPoolSize run a thread with poll() per connection: seen on 4.7.0.
        """
        version = re.search(r'"version"\s*:\s*"(\d+)\.(\d+)', self.found.version or "")
        if self.is_orion_ld:
            return None if self.pool_of_requests is None else not self.pool_of_requests
        if version and (int(version[1]), int(version[2])) < (1, 5):
            return True
        return self.pool_of_requests

    @property
    def is_orion_ld(self) -> bool:
        """Whether the broker reports that it is Orion-LD."""
        return "orionld" in (self.found.version or "").lower()
