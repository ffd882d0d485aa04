"""Several tries per second (--rate): when each is due, and the results of a second.

The schedule is an open one: a late answer delays no later try, and a latency counts from when its try was due, however
late it could be sent. Else a broker that stands still would be asked less often meanwhile, and most of what its clients
wait would never be measured: "coordinated omission" (Gil Tene, How NOT to Measure Latency).

All latencies are kept, not a histogram of them: 300 a second are 2 kB, any share of them over any rows is exact, and
whoever reads them needs no library.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scenario.peers.failures import Failure


def dues(second: int, begins: float, rate: int) -> list[float]:
    """Return the times of a second's tries in s since the epoch, evenly spaced from `begins` of an interval on."""
    return [second + (number + begins) / rate for number in range(rate)]


class Tried(NamedTuple):
    """The result of a try: latency in ms, failure or None, delay of its sending in ms."""

    latency: float
    failure: Failure | None = None
    late: float = 0.0


@dataclass(frozen=True)
class Tries:
    """The tries of a second in order. Latencies are in ms, from the time when a try was due to its answer or error.

    `errors` has as many, empty for a right answer; none at all when all were right. `late`: the most, in ms, that one
    of them was sent after it was due. One is missing when this process stood still until its second was over.
    """

    latencies: tuple[float, ...]
    errors: tuple[str, ...] = ()
    late: float = 0.0

    def __post_init__(self) -> None:
        if self.errors and len(self.errors) != len(self.latencies):
            raise ValueError("has not as many errors as latencies")

    @classmethod
    def of(cls, tried: Sequence[Tried]) -> Tries:
        """Combine results, rounded to hundredths of a ms."""
        errors = tuple(str(each.failure or "") for each in tried)
        latencies = tuple(round(each.latency, 2) for each in tried)
        return cls(latencies, errors if any(errors) else (), round(max(each.late for each in tried), 2))

    @property
    def each(self) -> list[tuple[float, str]]:
        """Latency in ms and error ("": none) of each try."""
        return list(zip(self.latencies, self.errors or [""] * self.count, strict=True))

    @property
    def right(self) -> Sequence[float]:
        """Latencies of the right answers, in ms."""
        return [latency for latency, error in self.each if not error] if self.errors else self.latencies

    @property
    def count(self) -> int:
        """Number of tries."""
        return len(self.latencies)

    @property
    def nok(self) -> int:
        """Number of tries without a right answer."""
        return sum(map(bool, self.errors))

    @property
    def p50(self) -> float | None:
        """The median of the right answers' latencies."""
        return percentile(self.right, 0.5)

    @property
    def p99(self) -> float | None:
        """The 99th percentile of the right answers, in ms; None without one."""
        return percentile(self.right, 0.99)

    @property
    def slowest(self) -> float | None:
        """The slowest right answer, in ms; None without one."""
        return max(self.right, default=None)


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the value that `share` of them do not exceed (nearest rank); None if there are none."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else None
