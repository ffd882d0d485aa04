"""The values that a query of the ordinary client may find: its newest accepted update, or a concurrent one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

FORGET_AFTER = 10_000  # ms after its answer; no query takes that long


@dataclass(frozen=True)
class Concurrent:
    """Numbers of updates that may be stored after `newest`, because it was sent before their answers."""

    newest: int
    answered: dict[int, float]

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and self.answered.get(number, -math.inf) > self.newest


@dataclass
class Written:
    """The updates so far, by number. A number is the time when the update was due (ms)."""

    newest: int = 0  # the newest that the broker accepted
    answered: dict[int, float] = field(default_factory=dict)  # when (ms); never: it may have taken it, or still may

    def sent(self, number: int) -> None:
        """Record an update before it is sent. Forget those that were answered long ago."""
        if len(self.answered) > 1 and number // 1000 != next(reversed(self.answered)) // 1000:  # once per second
            forgotten = [each for each, at in self.answered.items() if at < number - FORGET_AFTER]
            for each in forgotten:
                del self.answered[each]
        self.answered[number] = math.inf

    def was_answered(self, number: int, now: float) -> None:
        """Record the time of the answer (ms)."""
        self.answered[number] = now

    def was_taken(self, number: int) -> None:
        """Record that the broker accepted it. No older one may be found any more."""
        self.newest = max(self.newest, number)

    @property
    def concurrent(self) -> Concurrent:
        """What a query that is sent now may find instead of `newest`, which is the oldest that is right."""
        return Concurrent(self.newest, self.answered)
