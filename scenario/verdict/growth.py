"""The broker's memory at rest from cycle to cycle: a leak continues to grow, settling memory slows down.

A healthy Orion 4.7.0 grew by 4 to 5 MB in each of its first cycles of 1,000 notifications, and later by less than 1 MB.
So growth in the first cycles tells nothing, unless it is huge, and growth that has become slower is no leak yet. Memory
comes in steps: a slope is believed only where it is larger than its error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from math import ceil, sqrt
from statistics import linear_regression

from scenario.verdict.thresholds import ALREADY, FALLS_OFF, LEAK, LEAST, LEAST_CYCLES, STEADY

MALLOC_STEP = 131_072 / sqrt(12)  # bytes: glibc takes 128 KiB at a time; standard deviation of such a step
SURE, SURER = 2, 3  # times its error that a growth has to be to be believed; to be found in nearly every run
STEADY_NOW, SETTLING, LEAKS = "steady", "settling", "leaks"


@dataclass(frozen=True)
class Line:
    """A straight line through levels: its slope per cycle, and the error of that (three standard errors)."""

    slope: float
    error: float
    deviation: float  # of the levels from it

    @classmethod
    def through(cls, levels: Sequence[float]) -> Line:
        """Fit a line through two or more levels."""
        number = len(levels)
        slope, begin = linear_regression(range(number), levels)
        squares = sum((level - begin - slope * at) ** 2 for at, level in enumerate(levels))
        deviation = max(MALLOC_STEP, sqrt(squares / max(1, number - 2)))
        return cls(slope, error_of(deviation, number), deviation)


def error_of(deviation: float, levels: int) -> float:
    """Return three standard errors of the slope of a line through so many levels."""
    return 3 * deviation * sqrt(12 / (levels**3 - levels))


@dataclass(frozen=True)
class Growth:
    """Levels of memory, in bytes, one per cycle and one after the last; `each` is notifications per cycle."""

    levels: Sequence[float]
    each: int

    @property
    def cycles(self) -> int:
        """Cycles between the levels."""
        return len(self.levels) - 1

    @property
    def recent(self) -> Sequence[float]:
        """The levels of the last three quarters, without the first settling."""
        return self.levels[-_recent(self.cycles) :]

    @property
    def halves(self) -> tuple[Line, Line]:
        """The lines through the earlier and the later half of those."""
        recent, half = self.recent, _half(self.cycles)
        return Line.through(recent[:half]), Line.through(recent[-half:])

    @property
    def state(self) -> str:
        """Steady, settling (also if it is too early to say), or leaking."""
        line, (early, late) = Line.through(self.recent), self.halves
        goes_on = late.slope >= FALLS_OFF * early.slope
        if self.cycles < LEAST_CYCLES:
            grown = (self.levels[-1] - self.levels[0]) / self.levels[0]
            if grown <= STEADY:
                return STEADY_NOW
            return LEAKS if goes_on and grown > ALREADY and self.cycles > 2 else SETTLING
        if line.slope < line.error or line.slope < LEAST * self.each:
            return STEADY_NOW
        return LEAKS if goes_on and late.slope > SURE * late.error else SETTLING

    @property
    def more_cycles(self) -> int:
        """Number of further cycles that would decide: as many again, so that the later half is new."""
        return max(LEAST_CYCLES - self.cycles, self.cycles)

    @property
    def least_seen(self) -> int:
        """Bytes per notification: a smaller leak could have been missed."""
        line, late = Line.through(self.recent), self.halves[1]
        missed = max(line.error, SURE * late.error)
        if self.cycles < LEAST_CYCLES:
            missed = STEADY * self.levels[0] / self.cycles
        return ceil(max(missed / self.each, LEAST))

    @property
    def cycles_for_leak(self) -> int:
        """Cycles in which a leak of LEAK bytes per notification is found, however it hides between the steps."""
        deviation, wanted = Line.through(self.recent).deviation, LEAK * self.each
        fits = (n for n in count(LEAST_CYCLES) if SURER * error_of(deviation, _half(n)) <= wanted)
        return next(fits)


def _recent(cycles: int) -> int:
    return ceil(3 * cycles / 4) + 1 if cycles > 3 else cycles + 1


def _half(cycles: int) -> int:
    return max(2, (_recent(cycles) + 1) // 2)
