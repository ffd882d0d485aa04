"""The common clock of all processes of a run, and the seconds of its rows."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import gevent

from scenario.settings.options import Options


@dataclass(frozen=True)
class Clock:
    """The master's clock in every process. It is monotonic, so changes of the time of day do not shift rows."""

    offset: float

    @classmethod
    def showing(cls, now: float) -> Clock:
        """Return a clock that shows `now` (s since the epoch) now."""
        return cls(now - time.monotonic())

    def now(self) -> float:
        """Return the time in s since the epoch."""
        return time.monotonic() + self.offset

    def sleep_until(self, moment: float) -> None:
        """Sleep until `moment` (s since the epoch). Return at once if it has passed."""
        while (left := moment - self.now()) > 0:
            gevent.sleep(left)


@dataclass(frozen=True)
class Schedule:
    """Times in whole seconds since the epoch: start of the probes, the update, the last row.

    `release`: when the listeners are told to answer; None: they answer after their delay.
    """

    start: int
    trigger: int
    end: int
    release: int | None = None

    @classmethod
    def beginning(cls, now: float, options: Options) -> Schedule:
        """Return a schedule: two seconds for the users to start, the baseline, the trigger, the duration."""
        start = math.ceil(now) + 2
        trigger = start + options.load.baseline
        release = trigger + options.load.hold if options.stepped else None
        return cls(start, trigger, trigger + math.ceil(options.load.duration), release)

    @classmethod
    def at_rest(cls, now: float, options: Options) -> Schedule:
        """Return a schedule that ends with its baseline."""
        begun = cls.beginning(now, options)
        return cls(begun.start, begun.trigger, begun.trigger - 1)

    def seconds(self, clock: Clock, after: float = 0.0) -> Iterator[int]:
        """Yield each second when `after` s of it are over. One during which this process was stopped is lost."""
        for second in range(self.start, self.end + 1):
            clock.sleep_until(second + after)
            if clock.now() < second + 1:
                yield second
