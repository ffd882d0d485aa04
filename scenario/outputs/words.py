"""The verdict in words, the same in all text outputs: the outcome, its causes with evidence and remedy, then the
criteria, unmet ones first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from scenario.run.results import Verdict
from scenario.verdict.outcomes import FAIL, INCONCLUSIVE

CAUSE, EVIDENCE, REMEDY = "cause:", "evidence:", "remedy:"
_MARKED = (FAIL, INCONCLUSIVE)  # the label is shown only for these


@dataclass(frozen=True)
class Line:
    """A line below the outcome: `label` is CAUSE, EVIDENCE, REMEDY, or a criterion's outcome, or empty if met."""

    label: str
    text: str

    def __str__(self) -> str:
        return f"{self.label} {self.text}" if self.label else self.text


def title(verdict: Verdict) -> str:
    """Return the first line of the verdict."""
    return f"Verdict: {verdict.outcome}"


def body(verdict: Verdict) -> Iterator[Line]:
    """Yield the lines below the outcome: the causes, then the criteria."""
    for cause in verdict.causes:
        yield Line(CAUSE, cause.sentence)
        yield Line(EVIDENCE, cause.evidence)
        yield Line(REMEDY, cause.remedy)
    yield from criteria(verdict)


def criteria(verdict: Verdict) -> Iterator[Line]:
    """Yield a line per criterion, met ones last. Criteria with the same text share a line."""
    ordered = sorted(verdict.criteria, key=lambda each: each.outcome not in _MARKED)
    for (outcome, named, said), alike in groupby(ordered, lambda each: (each.outcome, bool(each.name), each.text)):
        names = ", ".join(each.title for each in alike)
        yield Line(outcome if outcome in _MARKED else "", f"{names}: {said}" if named else said)


def lines(verdict: Verdict) -> list[str]:
    """Return the verdict as plain text."""
    return [title(verdict), *(f"  {line}" for line in body(verdict))]
