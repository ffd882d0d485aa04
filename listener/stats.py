"""Counters, shared by all processes of one listener, and the line of stats."""

from __future__ import annotations

import mmap
import os
import resource
import secrets
from dataclasses import asdict, dataclass, fields
from math import inf

from listener.notified import Notified


@dataclass
class Counts:
    """What one process counted since its start, and (`held`, `open`) has now."""

    accepted: int = 0
    received: int = 0
    held: int = 0
    open: int = 0
    rejected: int = 0
    out_of_descriptors: int = 0
    abandoned: int = 0  # requests whose sender left before their answer
    unnumbered: int = 0  # notifications that do not tell their update or their subscription


NAMES = [field.name for field in fields(Counts)]
RATE, RELEASED, CLOSES, ROWS = 0, 1, 2, 3  # cells: three of the whole listener, then one row per process


class Stats:
    """Counts of every process in shared memory; made before the processes are forked."""

    def __init__(self, processes: int, interval: float) -> None:
        self._interval = interval
        self._cells = memoryview(mmap.mmap(-1, 8 * (ROWS + processes * len(NAMES)))).cast("d")
        self._before = 0
        self.wakes = os.eventfd(0)  # written to when what was released changes
        self._cells[RELEASED] = -inf
        self.notified = Notified(processes)
        self.token = secrets.token_hex(16)  # what a release has to bring

    def publish(self, process: int, counts: Counts) -> None:
        """Let all processes see the counts of process number `process`."""
        start = ROWS + process * len(NAMES)
        for cell, name in enumerate(NAMES, start):
            self._cells[cell] = getattr(counts, name)

    def total(self) -> Counts:
        """Return the sums over all processes."""
        columns = ([int(value) for value in self._cells[ROWS + column :: len(NAMES)]] for column in range(len(NAMES)))
        return Counts(*map(sum, columns))

    def snapshot(self) -> dict[str, object]:
        """Return what /-/stats tells: the sums, the rate of the last line (answers per second), the limits."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        limits = {"nofile_soft": soft, "nofile_hard": hard}
        return {**asdict(self.total()), "rate": self._cells[RATE], "limits": limits, "notified": self.notified.newest()}

    @property
    def released(self) -> float:
        """When everything held was last released, in seconds of time.monotonic()."""
        return self._cells[RELEASED]

    @property
    def released_to_close(self) -> bool:
        """Whether what was last released is to be closed after its answer."""
        return bool(self._cells[CLOSES])

    def release(self, now: float, close: bool) -> None:
        """Make all that was parked up to `now` due, in all processes, and wake them; `close`: and closed."""
        self._cells[CLOSES] = close
        self._cells[RELEASED] = now
        os.eventfd_write(self.wakes, 1)

    def line(self) -> str:
        """End an interval: return its line, as the original prints it."""
        received = self.total().received
        self._cells[RATE] = rate = (received - self._before) / self._interval if self._interval else 0.0
        self._before = received
        return f"Received  {received} Rate {go_float(rate)} r/s"


def go_float(value: float) -> str:
    """Return a float64 as Go's `fmt.Println` shows it: shortest digits, with an exponent from 1e+06 on."""
    if value >= 1e6:
        return next(text for digits in range(18) if float(text := f"{value:.{digits}e}") == value)
    return repr(value).removesuffix(".0")
