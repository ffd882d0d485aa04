"""What the broker's process uses and what it may, in the rows that matter; and what its server is like.

None: nobody measured it, so that it speaks neither for a cause nor against one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from scenario.run.results import Row
from scenario.run.samples import ConnectionSample
from scenario.verdict.figures import Figures, grown

CLOSED = ("closed without an answer", "connection reset", "closed while the request was sent")
SILENT = ("no answer within the time limit", "no connection within the time limit", "no whole answer within")
FEW_FREE = 2  # of a limit: the inspector looks a moment before or after a client took or left one
NEARLY_ALL = 0.98  # of a limit
_MOST = 0.8  # of the rows


@dataclass(frozen=True)
class Resources(Figures):
    """The broker's process, and what is known of how it was started."""

    @cached_property
    def closed_at_once(self) -> list[Row]:
        """The rows in which the broker accepted a connection and closed it, if such are most of the NOK ones.

        Left out are those of a process that was seen to be stopped: it does not close any.
        """
        return _most([row for row in self.nok if not was_stopped(row)], CLOSED)

    @cached_property
    def silent(self) -> list[Row]:
        """The rows in which it did not answer in time, if such are most of the NOK ones, or it was stopped in them."""
        return _most(self.nok, SILENT) or _with([row for row in self.nok if was_stopped(row)], SILENT)

    @cached_property
    def process_when_nok(self) -> list[ConnectionSample]:
        """The broker's process in the NOK rows."""
        return measured(self.nok)

    # Connections of its own port

    @property
    def max_connections(self) -> int:
        """Connections that the broker takes at its port, by its command line."""
        return self.hold.found.command_line.max_connections

    @cached_property
    def inbound(self) -> int | None:
        """Connections at the broker's own port in the NOK rows (median).

        An inspector that does not tell them apart leaves those that do not lead to the listeners, less those at rest.
        """
        told = [sample.inbound for sample in self.process_when_nok if sample.inbound is not None]
        others = [self._not_to_listeners(sample) for sample in self.process_when_nok]
        rest = [self._not_to_listeners(row.connections) for row in self.hold.rows if row.since_trigger < 0]
        known, before = [n for n in others if n is not None], [n for n in rest if n is not None]
        if told:
            return round(median(told))
        return round(median(known) - median(before)) if known and before else None

    @staticmethod
    def _not_to_listeners(sample: ConnectionSample | None) -> int | None:
        if sample is None or sample.established is None or sample.to_listeners is None:
            return None
        return sample.established - sample.to_listeners

    @property
    def full_of_clients(self) -> bool | None:
        """Tell whether as many clients were connected as the broker takes; they do not slow down those that it has."""
        if not self.nok:
            return False
        return None if self.inbound is None else self.inbound >= NEARLY_ALL * self.max_connections

    # Its server

    @property
    def pool_of_requests(self) -> bool | None:
        """Tell whether the broker serves requests with a pool (-reqPoolSize), and not with a thread per connection."""
        return self.hold.found.command_line.request_pool > 0 if self.hold.found.process else None

    @property
    def may_use_select(self) -> bool | None:
        """Tell whether its server may use select(): Orion up to 1.4; Orion-LD without a pool; Orion 3 and 4 with one.

        Orion 3 and 4 without -reqPoolSize run a thread with poll() per connection: seen on 4.7.0.
        """
        version = re.search(r'"version"\s*:\s*"(\d+)\.(\d+)', self.hold.found.version or "")
        if self.is_orion_ld:
            return None if self.pool_of_requests is None else not self.pool_of_requests
        if version and (int(version[1]), int(version[2])) < (1, 5):
            return True
        return self.pool_of_requests

    @property
    def is_orion_ld(self) -> bool:
        """Tell whether the broker says that it is Orion-LD."""
        return "orionld" in (self.hold.found.version or "").lower()

    # Threads and memory

    @cached_property
    def threads(self) -> tuple[int, int, str] | None:
        """Threads used of the tightest limit, that limit, and where it is set, when the fewest were left."""
        told = [
            (sample.threads_used, sample.threads_limit, sample.threads_limit_at)
            for sample in self.process
            if sample.threads_used is not None and sample.threads_limit is not None
        ]
        return min(told, key=lambda limit: limit[1] - limit[0], default=None)

    @property
    def out_of_threads(self) -> bool | None:
        """Tell whether the broker came to its limit on threads."""
        if self.threads_refused:
            return True
        if self.threads is None:
            return None
        used, limit, _ = self.threads
        return used >= limit - FEW_FREE

    @property
    def threads_close_connections(self) -> bool | None:
        """Tell whether a connection can be closed for want of a thread: only where each has one."""
        return False if self.pool_of_requests else self.out_of_threads

    @cached_property
    def memory(self) -> tuple[int, int, str] | None:
        """Bytes used of the tightest limit on memory, that limit, and where it is set, when the least was left."""
        told = [
            (sample.memory_used, sample.memory_limit, sample.memory_limit_at)
            for sample in self.process
            if sample.memory_used is not None and sample.memory_limit is not None
        ]
        return min(told, key=lambda limit: limit[1] - limit[0], default=None)

    @property
    def threads_refused(self) -> int:
        """Threads that a control group's limit refused to the broker."""
        return grown(self.process, "threads_refused")

    @property
    def killed_for_memory(self) -> bool | None:
        """Tell whether the kernel killed a process of the broker's control group for memory; None: one of its host."""
        told = [row.connections.error for row in self.hold.rows if row.connections]  # of a process that is gone
        if grown(self.process, "oom_kills") or any("of its control group for lack of memory" in text for text in told):
            return True
        elsewhere = any("on this host for lack of memory" in text for text in told)
        return None if elsewhere or grown(self.process, "host_oom_kills") else False


def _with(rows: Sequence[Row], errors: tuple[str, ...]) -> list[Row]:
    return [row for row in rows if row.version and row.version.error.startswith(errors)]


def _most(rows: Sequence[Row], errors: tuple[str, ...]) -> list[Row]:
    """Return the rows with such errors; none where they are not most of them."""
    found = _with(rows, errors)
    return found if len(found) > _MOST * len(rows) else []


def was_stopped(row: Row) -> bool:
    """Tell whether the process was seen to be stopped (T)."""
    return row.connections is not None and row.connections.state.startswith("T")


def measured(rows: Sequence[Row]) -> list[ConnectionSample]:
    """Return the broker's process in some rows, as far as the inspector saw it."""
    return [row.connections for row in rows if row.connections and not row.connections.error]
