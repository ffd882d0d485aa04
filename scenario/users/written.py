"""What a query of the ordinary client may find: the newest of its updates that the broker took, or one beside that."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

FORGET_AFTER = 10_000  # ms after its answer: no query waits so long


@dataclass(frozen=True)
class Beside:
    """The numbers of the updates that may be stored after `newest`: it was sent before they were answered."""

    newest: int
    answered: dict[int, float]

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and self.answered.get(number, -math.inf) > self.newest


@dataclass
class Written:
    """The updates so far, by their numbers, which tell when they were due (ms)."""

    newest: int = 0  # that the broker said it took
    answered: dict[int, float] = field(default_factory=dict)  # when (ms); never: it may have taken it, or still may

    def sent(self, number: int) -> None:
        """Note an update, before it is sent; forget those that were answered long ago."""
        if len(self.answered) > 1 and number // 1000 != next(reversed(self.answered)) // 1000:  # once per second
            forgotten = [each for each, at in self.answered.items() if at < number - FORGET_AFTER]
            for each in forgotten:
                del self.answered[each]
        self.answered[number] = math.inf

    def was_answered(self, number: int, now: float) -> None:
        """Note when (ms)."""
        self.answered[number] = now

    def was_taken(self, number: int) -> None:
        """Note that the broker took it: no older one may be found any more."""
        self.newest = max(self.newest, number)

    @property
    def beside(self) -> Beside:
        """What a query that is sent now may find instead of `newest`, which is the oldest that is right."""
        return Beside(self.newest, self.answered)
