"""From evidence to named causes. Uncertain results are marked: one of several, or unknown with the observations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import or_

from scenario.run.results import Criterion, Diagnosis
from scenario.verdict import healthy, ngsild
from scenario.verdict.causes import causes_of
from scenario.verdict.causes.cause import CLIENT, ENDED, HEALTHY, HELD, LOAD, MEASURED, NOK, SLOW, Cause, Fails
from scenario.verdict.evidence import Evidence
from scenario.verdict.of_notifications import foreign_counts
from scenario.verdict.outcomes import FAIL, INCONCLUSIVE, PASS
from scenario.verdict.ruled_out import ruled_out

UNKNOWN = "unknown"
_MEANINGS = {  # of a criterion that was not met; a client's that was only slow means SLOW
    "version": NOK,
    "update": CLIENT,
    "query": CLIENT,
    "idle clients": NOK,
    "held": HELD,
    healthy.NAME: HEALTHY,
    ngsild.NAME: HEALTHY,
    "rows": MEASURED,
    "connection counts": MEASURED,
    "client's answers": MEASURED,
    "queue sizes": MEASURED,
    "": ENDED,
}


def found_causes(e: Evidence, fails: Fails) -> dict[Cause, bool | None]:
    """Return whether each cause of the table holds. A last resort holds only if no other cause explains the failure."""
    holds = {cause: cause.holds(e) for cause in causes_of(e.hold.options)}
    explained = _explained(cause for cause, sure in holds.items() if sure and not cause.last_resort)
    return {cause: sure and not (cause.last_resort and explained & fails) for cause, sure in holds.items()}


def excused(e: Evidence, criteria: Sequence[Criterion], holds: Mapping[Cause, bool | None]) -> list[Criterion]:
    """Return the criteria. FAIL becomes INCONCLUSIVE if only causes outside the broker explain it."""
    outside = _explained(cause for cause, sure in holds.items() if sure and cause.outside)
    if foreign_counts(e):
        outside |= HELD | LOAD | HEALTHY | MEASURED
    inside = _explained(cause for cause, sure in holds.items() if sure and not cause.outside)
    return [
        replace(each, outcome=INCONCLUSIVE)
        if each.outcome == FAIL and (of := _meaning(e, each)) & outside and not of & inside
        else each
        for each in criteria
    ]


def diagnose(e: Evidence, fails: Fails, holds: Mapping[Cause, bool | None]) -> tuple[Diagnosis, ...]:
    """Return the causes that hold, preceded by what is known about failures that none of them explains."""
    sure = [cause for cause in holds if holds[cause]]
    named = tuple(cause.diagnosis(e) for cause in sure)
    if foreign := foreign_counts(e):
        return (_foreign(foreign, e), *named)
    if named and (NOK not in fails or any(NOK in cause.explains for cause in sure)):
        return named
    possible = [cause for cause in holds if holds[cause] is None and cause.explains & fails]
    return (_one_of(possible, e) if possible else _unknown(e), *named)


def _explained(causes: Iterable[Cause]) -> Fails:
    return reduce(or_, (cause.explains for cause in causes), Fails(0))


def _meaning(e: Evidence, criterion: Criterion) -> Fails:
    """Return the failure that an unmet criterion means."""
    slow = any(client.name == criterion.name and not client.nok for client in e.clients)
    return SLOW if slow else _MEANINGS.get(criterion.name, LOAD)


def what_fails(e: Evidence, criteria: Sequence[Criterion]) -> Fails:
    """Return what went wrong. If GET /version failed, only that, because its cause explains the rest."""
    if e.version.nok:
        return NOK
    fails = SLOW if any(client.slow for client in e.clients) else Fails(0)
    fails |= CLIENT if e.update.nok or e.query.nok else Fails(0)
    for criterion in criteria:
        if criterion.outcome != PASS and criterion.name not in ("version", "update", "query", "idle clients"):
            fails |= _MEANINGS.get(criterion.name, LOAD)
    return fails


def _one_of(possible: Sequence[Cause], e: Evidence) -> Diagnosis:
    names = " or ".join(cause.name for cause in possible)
    sentence = f"one of: {names}" if len(possible) > 1 else f"perhaps {names}"
    tell = "; ".join(dict.fromkeys(cause.distinguished_by for cause in possible if cause.distinguished_by))
    says = f"{sentence}; the measurements fit, but some are missing"
    return Diagnosis(UNKNOWN, says, ruled_out(e), f"what would tell: {tell}")


def _foreign(counts: str, e: Evidence) -> Diagnosis:
    says = "unknown: the figures are not those of one broker, as if another answered at its port or by its name"
    return Diagnosis(UNKNOWN, says, f"{counts}; {ruled_out(e)}", "end the other one, or have --host name one of them")


def _unknown(e: Evidence) -> Diagnosis:
    remedy = "see the broker's log" + ", and the evidence taken at the first NOK" * bool(e.version.nok)
    return Diagnosis(UNKNOWN, "unknown: no known cause fits", ruled_out(e), remedy)
