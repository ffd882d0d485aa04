"""Faults of the tester: a late event loop, a host without CPU, a slow name server."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, NoReturn

import gevent
import psutil

TICK = 0.05  # s between two readings of the clock
LOOKUPS = 0.5  # s between two lookups of a name
REMEMBERED = 200  # ticks, 10 s: longer than a row waits


class Watch:
    """Watches this process and its host. `hosts` are the names of the peers."""

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        self._hosts = [host for host in dict.fromkeys(hosts) if not _is_address(host)]
        self._due = time.monotonic()
        self._late: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)  # when a tick came, how late (s)
        self._took: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)  # when a lookup ended, how long it took (s)
        self._under_way: dict[str, float] = {}  # start of each running look-up

    def watch(self) -> NoReturn:
        """Run for ever, in its own greenlet."""
        lookups = time.monotonic()
        while True:
            self._due = time.monotonic() + TICK
            if self._due > lookups:
                lookups += LOOKUPS
                for host in self._hosts:
                    if host not in self._under_way:
                        gevent.spawn(self._look_up, host)
            gevent.sleep(TICK)
            now = time.monotonic()
            self._late.append((now, now - self._due))

    def late(self, seconds: float) -> float:
        """Return the longest delay of the event loop in the last seconds, in ms."""
        now = time.monotonic()
        waited = [late for at, late in self._late if at >= now - seconds]
        return max([0.0, now - self._due, *waited]) * 1000

    def lookup(self, seconds: float) -> float:
        """Return the longest look-up of the last seconds in s, finished or not."""
        now = time.monotonic()
        took = [took for at, took in self._took if at >= now - seconds]
        return max([0.0, *took, *(now - began for began in self._under_way.values())])

    def figures(self, seconds: float) -> dict[str, Any]:
        """Return the fields of a VersionSample for the last seconds."""
        spent = psutil.cpu_times()
        return {
            "late": round(self.late(seconds), 1),
            "tester_idle_seconds": spent.idle,
            "tester_steal_seconds": getattr(spent, "steal", None),  # Linux
            "tester_cpus": psutil.cpu_count(),
            "tester_lookup_seconds": round(self.lookup(seconds), 3),
        }

    def _look_up(self, host: str) -> None:
        began = self._under_way[host] = time.monotonic()
        try:
            socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # the probes report it
            pass
        finally:
            del self._under_way[host]
            now = time.monotonic()
            self._took.append((now, now - began))


def _is_address(host: str) -> bool:
    try:
        return bool(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST))
    except (OSError, UnicodeError):
        return False
