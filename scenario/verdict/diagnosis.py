"""Symptoms -> named causes. What is not sure is said as such: one of several, or unknown, with what was seen."""

from __future__ import annotations

from collections.abc import Sequence

from scenario.run.results import Diagnosis
from scenario.verdict.causes import CAUSES
from scenario.verdict.causes.cause import Cause
from scenario.verdict.causes.process import PROCESS
from scenario.verdict.causes.server import SERVER, SLOW
from scenario.verdict.symptoms import Symptoms
from scenario.verdict.unknown import told

UNKNOWN = "unknown"
_OF_NOK = (*PROCESS, *SERVER, SLOW)  # only these tell why GET /version failed


def diagnose(seen: Symptoms) -> tuple[Diagnosis, ...]:
    """Return the causes that hold; before them, or instead, what is known of a NOK that none of them explains."""
    held = {cause: cause.holds(seen) for cause in CAUSES}
    sure = [cause for cause in CAUSES if held[cause]]
    named = tuple(cause.diagnosis(seen) for cause in sure)
    explained = not seen.nok or any(cause in _OF_NOK for cause in sure)
    if named and explained:
        return named
    possible = [cause for cause in (_OF_NOK if seen.nok else CAUSES) if held[cause] is None]
    return (_one_of(possible, seen) if possible else _unknown(seen), *named)


def _one_of(possible: Sequence[Cause], seen: Symptoms) -> Diagnosis:
    names = " or ".join(cause.name for cause in possible)
    sentence = f"one of: {names}" if len(possible) > 1 else f"perhaps {names}"
    tell = "; ".join(cause.told_by for cause in possible if cause.told_by)
    return Diagnosis(
        UNKNOWN, f"{sentence}; what was measured fits, but not all was", told(seen), f"what would tell: {tell}"
    )


def _unknown(seen: Symptoms) -> Diagnosis:
    remedy = "see the broker's log" + ", and the evidence taken at the first NOK" * bool(seen.nok)
    return Diagnosis(UNKNOWN, "unknown: no known cause fits", told(seen), remedy)
