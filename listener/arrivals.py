"""Arrival times of healthy subscribers' notifications, over all processes of a listener.

Besides what listener.notified reads, the body has the attribute `sent`, when its update was sent: microseconds since
the epoch on the sender's clock, in decimal digits, best as Text. Each arrival is recorded, not a histogram: only the
client that asks knows the difference between the two clocks, and to which of its seconds an update belongs.
"""

from __future__ import annotations

import mmap
import time
from typing import NamedTuple

from listener.notified import number_of, subscription_of

ROWS = 1 << 17  # remembered arrivals: 13 s of 10,000 per second
PAGE = 256  # arrivals per answer, which has to fit into a socket's buffer
_COLUMNS = 4  # update, subscription, sent, latency


class News(NamedTuple):
    """The arrivals after a position."""

    arrivals: list[tuple[int, ...]]
    """Update, subscription, sent (us since the epoch), latency (us); the latency is from one clock to another."""
    next: list[int]
    """The position after them."""
    left: int
    """Number of further arrivals after that position."""
    forgotten: int
    """Number of arrivals after the requested position that are no longer remembered."""


class Arrivals:
    """A ring per process in shared memory, 32 bytes per arrival, created before the processes are forked."""

    def __init__(self, processes: int) -> None:
        self._rows = ROWS // processes
        self._size = 1 + _COLUMNS * self._rows  # their number, and the last of them
        self._cells = memoryview(mmap.mmap(-1, 8 * processes * self._size)).cast("q")
        self._starts = range(0, len(self._cells), self._size)

    def note(self, process: int, body: bytes) -> bool:
        """Record what process number `process` received now. Return whether it had update, subscription and time."""
        now = time.time_ns() // 1000
        number, sent, subscription = number_of(body), number_of(body, "sent"), subscription_of(body)
        if number is None or sent is None or subscription is None:
            return False
        start, cells = self._starts[process], self._cells
        at = start + 1 + cells[start] % self._rows * _COLUMNS
        cells[at], cells[at + 1], cells[at + 2], cells[at + 3] = number, subscription, sent, now - sent
        cells[start] += 1
        return True

    def end(self) -> list[int]:
        """Return the position after all arrivals: their number in each process."""
        return [self._cells[start] for start in self._starts]

    def after(self, position: list[int]) -> News:
        """Return up to PAGE arrivals after a position. A position of an earlier listener counts as the beginning."""
        ends = self.end()
        if len(position) != len(ends) or any(there > end for there, end in zip(position, ends, strict=True)):
            position = [0] * len(ends)
        arrivals: list[tuple[int, ...]] = []
        begins = [max(there, end - self._rows + PAGE) for there, end in zip(position, ends, strict=True)]
        following = list(begins)
        for process, end in enumerate(ends):
            following[process] = min(end, begins[process] + PAGE - len(arrivals))
            arrivals += [self._row(process, row) for row in range(begins[process], following[process])]
        return News(arrivals, following, sum(ends) - sum(following), sum(begins) - sum(position))

    def _row(self, process: int, row: int) -> tuple[int, ...]:
        at = self._starts[process] + 1 + row % self._rows * _COLUMNS
        return tuple(self._cells[at : at + _COLUMNS])
