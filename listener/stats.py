"""Counters, shared by all processes of one listener, and the line of stats."""

from __future__ import annotations

import mmap
import os
import resource
import time
from array import array
from dataclasses import dataclass, fields
from math import inf

from listener.arrivals import Arrivals
from listener.behaviours import PATHS, Behaviour
from listener.behaviours.healthy import Healthy
from listener.notified import Notified


@dataclass
class Counts:
    """Counts of one process since its start; `open` is the current number."""

    accepted: int = 0
    open: int = 0
    rejected: int = 0
    out_of_descriptors: int = 0
    abandoned: int = 0  # requests whose sender left before their answer
    unnumbered: int = 0  # notifications without the number of their update or subscription


NAMES = [field.name for field in fields(Counts)]
CELLS = len(NAMES) + 2 * len(PATHS)  # of a process: its counts, then of each path what it holds and has received
RATE, RELEASED, CLOSES, ROWS = 0, 1, 2, 3  # cells: three of the whole listener, then CELLS per process


class Stats:
    """The counts of every process, in shared memory. Create it before the processes are forked."""

    def __init__(self, processes: int, interval: float) -> None:
        self._interval = interval
        self._cells = memoryview(mmap.mmap(-1, 8 * (ROWS + processes * CELLS))).cast("d")
        self._before = 0
        self.wakes = os.eventfd(0)  # written at each release
        self._cells[RELEASED] = -inf
        self.notified, self.arrivals = Notified(processes), Arrivals(processes)
        self.id = os.urandom(6).hex()  # identifies this listener and this start of it
        # Required for a release. Not from the module secrets, because that loads 4 MB of OpenSSL
        self.token = os.urandom(16).hex()

    def publish(self, process: int, counts: Counts, behaviours: list[Behaviour]) -> None:
        """Publish the counts of process number `process`, and what its behaviours hold, to all processes."""
        row = array("d", [getattr(counts, name) for name in NAMES])
        for behaviour in behaviours:
            row.extend((len(behaviour), behaviour.received))
        start = ROWS + process * CELLS
        self._cells[start : start + CELLS] = row

    def paths(self) -> dict[str, dict[str, int]]:
        """Return, by path, how many notifications are `held` and how many were `received` and are finished."""
        sums = self._sums()[len(NAMES) :]
        pairs = zip(sums[::2], sums[1::2], strict=True)
        return {path: {"held": held, "received": done} for path, (held, done) in zip(PATHS, pairs, strict=True)}

    def total(self) -> dict[str, int]:
        """Return the sums over all processes. `held` and `received` do not include /healthy."""
        slow = [counts for path, counts in self.paths().items() if path != Healthy.path]
        sums = {name: sum(counts[name] for counts in slow) for name in ("received", "held")}
        return {**sums, **dict(zip(NAMES, self._sums(), strict=False))}

    def _sums(self) -> list[int]:
        return [int(sum(self._cells[ROWS + column :: CELLS])) for column in range(CELLS)]

    def snapshot(self) -> dict[str, object]:
        """Return the answer to /-/stats (see listener.admin), without the options."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        limits = {"nofile_soft": soft, "nofile_hard": hard}
        seen = {path: counts for path, counts in self.paths().items() if any(counts.values())}
        return {
            **self.total(),
            "paths": seen,
            "notified": self.notified.newest(),
            "rate": self._cells[RATE],
            "limits": limits,
            "clock": time.time(),
            "id": self.id,
        }

    @property
    def released(self) -> float:
        """When everything held was last released, in seconds of time.monotonic()."""
        return self._cells[RELEASED]

    @property
    def released_to_close(self) -> bool:
        """Whether the last release also closes connections."""
        return bool(self._cells[CLOSES])

    def release(self, now: float, close: bool) -> None:
        """Make due what is held at `now` (s of time.monotonic()), in all processes; `close`: close the connections."""
        self._cells[CLOSES] = close
        self._cells[RELEASED] = now
        os.eventfd_write(self.wakes, 1)

    def line(self) -> str:
        """End an interval: return its line, as the original prints it."""
        received = self.total()["received"]
        self._cells[RATE] = rate = (received - self._before) / self._interval if self._interval else 0.0
        self._before = received
        return f"Received  {received} Rate {go_float(rate)} r/s"


def go_float(value: float) -> str:
    """Return a float64 as Go's `fmt.Println` shows it: shortest digits, with an exponent from 1e+06 on."""
    if value >= 1e6:
        return next(text for digits in range(18) if float(text := f"{value:.{digits}e}") == value)
    return repr(value).removesuffix(".0")
