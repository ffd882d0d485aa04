"""Symptoms -> named causes. What is not sure is said as such: one of several, or unknown, with what was seen."""

from __future__ import annotations

from collections.abc import Sequence

from scenario.run.results import Diagnosis
from scenario.verdict.causes import CAUSES
from scenario.verdict.causes.cause import Cause
from scenario.verdict.causes.notifications import NOTIFICATIONS
from scenario.verdict.causes.process import PROCESS
from scenario.verdict.causes.server import SERVER, SLOW
from scenario.verdict.notified import foreign_counts
from scenario.verdict.ruled_out import told
from scenario.verdict.symptoms import Symptoms

UNKNOWN = "unknown"
_OF_NOK = (*PROCESS, *SERVER, SLOW)  # only these tell why GET /version failed


def diagnose(seen: Symptoms) -> tuple[Diagnosis, ...]:
    """Return the causes that hold; before them, or instead, what is known of a NOK that none of them explains.

    Counts that are not those of one broker show nothing of how it sends notifications.
    """
    foreign = foreign_counts(seen.hold)
    table = [cause for cause in CAUSES if not foreign or cause not in NOTIFICATIONS]
    held = {cause: cause.holds(seen) for cause in table}
    sure = [cause for cause in table if held[cause]]
    named = tuple(cause.diagnosis(seen) for cause in sure)
    if foreign:
        return (_foreign(foreign, seen), *named)
    explained = not seen.nok or any(cause in _OF_NOK for cause in sure)
    if named and explained:
        return named
    possible = [cause for cause in (_OF_NOK if seen.nok else table) if held[cause] is None]
    return (_one_of(possible, seen) if possible else _unknown(seen), *named)


def _one_of(possible: Sequence[Cause], seen: Symptoms) -> Diagnosis:
    names = " or ".join(cause.name for cause in possible)
    sentence = f"one of: {names}" if len(possible) > 1 else f"perhaps {names}"
    tell = "; ".join(cause.told_by for cause in possible if cause.told_by)
    return Diagnosis(
        UNKNOWN, f"{sentence}; what was measured fits, but not all was", told(seen), f"what would tell: {tell}"
    )


def _foreign(counts: str, seen: Symptoms) -> Diagnosis:
    sentence = "unknown: the figures are not those of one broker, as if another answered at its port or by its name"
    return Diagnosis(UNKNOWN, sentence, f"{counts}; {told(seen)}", "end the other one, or have --host name one of them")


def _unknown(seen: Symptoms) -> Diagnosis:
    remedy = "see the broker's log" + ", and the evidence taken at the first NOK" * bool(seen.nok)
    return Diagnosis(UNKNOWN, "unknown: no known cause fits", told(seen), remedy)
