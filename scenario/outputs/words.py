"""The verdict in words, the same wherever it is read as text: the outcome and its causes with what mends them, the
criteria then, those that were not met first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from scenario.run.results import Verdict
from scenario.verdict.outcomes import FAIL, INCONCLUSIVE

CAUSE, EVIDENCE, REMEDY = "cause:", "evidence:", "remedy:"
_MARKED = (FAIL, INCONCLUSIVE)  # the others go without saying


@dataclass(frozen=True)
class Line:
    """A line below the outcome: `label` is CAUSE, EVIDENCE, REMEDY, or a criterion's outcome, or empty if met."""

    label: str
    text: str

    def __str__(self) -> str:
        return f"{self.label} {self.text}" if self.label else self.text


def title(verdict: Verdict) -> str:
    """Return the line that the verdict begins with."""
    return f"Verdict: {verdict.outcome}"


def body(verdict: Verdict) -> Iterator[Line]:
    for cause in verdict.causes:
        yield Line(CAUSE, cause.sentence)
        yield Line(EVIDENCE, cause.evidence)
        yield Line(REMEDY, cause.remedy)
    yield from criteria(verdict)


def criteria(verdict: Verdict) -> Iterator[Line]:
    """Yield a line for each criterion, met ones last; those of which the same is to be said share one."""
    ordered = sorted(verdict.criteria, key=lambda each: each.outcome not in _MARKED)
    for (outcome, named, said), alike in groupby(ordered, lambda each: (each.outcome, bool(each.name), each.text)):
        names = ", ".join(each.title for each in alike)
        yield Line(outcome if outcome in _MARKED else "", f"{names}: {said}" if named else said)


def lines(verdict: Verdict) -> list[str]:
    """Return the verdict as plain text."""
    return [title(verdict), *(f"  {line}" for line in body(verdict))]
