"""The clock that all processes of a run share, and the seconds of its rows."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import gevent

from scenario.settings.options import Options


@dataclass(frozen=True)
class Clock:
    """The master's clock, in every process: monotonic, so that no adjustment of the time of day shifts a row."""

    offset: float

    @classmethod
    def showing(cls, now: float) -> Clock:
        """Return a clock that shows `now` (s since the epoch) now."""
        return cls(now - time.monotonic())

    def now(self) -> float:
        """Return s since the epoch."""
        return time.monotonic() + self.offset

    def sleep_until(self, moment: float) -> None:
        """Sleep until `moment` (s since the epoch); at once when it is over."""
        while (left := moment - self.now()) > 0:
            gevent.sleep(left)


@dataclass(frozen=True)
class Schedule:
    """When the probes start, the update is sent and the last row is due: whole seconds since the epoch.

    `release`: when the listeners are told to answer; None: they answer after their own delay.
    """

    start: int
    trigger: int
    end: int
    release: int | None = None

    @classmethod
    def beginning(cls, now: float, options: Options) -> Schedule:
        """Leave the users two seconds to start; then baseline, trigger, and the duration from there."""
        start = math.ceil(now) + 2
        trigger = start + options.load.baseline
        release = trigger + options.load.hold if options.stepped else None
        return cls(start, trigger, trigger + math.ceil(options.load.duration), release)

    @classmethod
    def at_rest(cls, now: float, options: Options) -> Schedule:
        """Return one that ends with its baseline."""
        begun = cls.beginning(now, options)
        return cls(begun.start, begun.trigger, begun.trigger - 1)
