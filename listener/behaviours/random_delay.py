"""Answered after a random time."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from math import inf

from listener.behaviours.behaviour import Behaviour
from listener.connections import Connection


class RandomDelay(Behaviour):
    """A receiver that answers after a random time, uniform between 0 and the delay."""

    path = "/notify/random"

    def __init__(self, delay: float, note: Callable[[bytes], bool]) -> None:
        super().__init__(delay, note)
        self._order: list[tuple[float, float, int]] = []  # due at, since, descriptor; some have left meanwhile

    def __setitem__(self, fd: int, connection: Connection) -> None:
        super().__setitem__(fd, connection)
        if len(self._order) > 2 * len(self) + 100:
            self._order = [entry for entry in self._order if self._is_here(*entry)]
            heapq.heapify(self._order)
        due_at = connection.since + random.uniform(0, self.limit)
        heapq.heappush(self._order, (due_at, connection.since, fd))

    def first(self) -> tuple[float, Connection | None]:
        """Return when the next connection is due (s of time.monotonic()) and that connection; inf and None if empty."""
        due_at, connection = super().first()
        if connection and connection.since <= self.released:
            return due_at, connection
        while self._order and not self._is_here(*self._order[0]):
            heapq.heappop(self._order)
        return (self._order[0][0], self[self._order[0][2]]) if self._order else (inf, None)

    def _is_here(self, _: float, since: float, fd: int) -> bool:
        return fd in self and self[fd].since == since
