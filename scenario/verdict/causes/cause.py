"""What a cause is: the evidence that no other one leaves, in words, and what mends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scenario.run.results import Diagnosis
from scenario.verdict.symptoms import Symptoms

Symptom = Callable[[Symptoms], object]  # None: nobody measured it
Words = Callable[[Symptoms], str]


@dataclass(frozen=True)
class Cause:
    """One line of the table: it holds when all that it needs is there, and nothing that it excludes."""

    name: str
    sentence: str
    needs: tuple[Symptom, ...]
    evidence: Words
    remedy: Words | str
    excludes: tuple[Symptom, ...] = ()
    told_by: str = ""  # what would tell it from others, when nobody measured that

    def holds(self, seen: Symptoms) -> bool | None:
        """Tell whether the symptoms are there; None: what was measured fits, and something was not."""
        there = [symptom(seen) for symptom in self.needs]
        against = [symptom(seen) for symptom in self.excludes]
        if any(against) or not all(value is None or value for value in there):
            return False
        return None if None in there or None in against else True

    def diagnosis(self, seen: Symptoms) -> Diagnosis:
        """Return the cause with this run's figures."""
        remedy = self.remedy if isinstance(self.remedy, str) else self.remedy(seen)
        return Diagnosis(self.name, self.sentence, self.evidence(seen), remedy)


def stopped_answering(seen: Symptoms) -> bool:
    """Tell whether the broker was gone, or another process, for a part of the run."""
    return seen.died or seen.restarted


def limit(value: int | None) -> str:
    """Return a limit as it is told."""
    return "unlimited" if value is None else f"{value}"
