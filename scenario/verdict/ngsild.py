"""What is judged of an NGSI-LD broker otherwise than of an Orion: none of them holds as many as there are receivers.

What is held is reported, and what its kind is known to hold. Judged are the clients and the healthy subscribers, in two
groups: those of another entity, at an address of their own (scenario.verdict.healthy), and those of the same update.
"""

from __future__ import annotations

from collections.abc import Iterator

from scenario.run.results import Criterion
from scenario.verdict.causes.peers import accepted, unreachable
from scenario.verdict.evidence import Evidence
from scenario.verdict.healthy import duration
from scenario.verdict.of_notifications import too_few_arrived
from scenario.verdict.outcomes import FAIL, INCONCLUSIVE, PASS

NAME = "healthy subscribers of the same update"
Criteria = Iterator[Criterion]


def held(e: Evidence) -> Criteria:
    """Report what was held, and what its kind is known to hold."""
    update = e.hold.progress.update
    if e.hold.schedule is None or update is None or update.error:
        return
    known = e.same_update.known_to_hold
    usual = f"its kind is known to hold {known} at most" if known is not None else "what its kind holds is not known"
    seen, wanted = e.same_update.held, e.load.wanted
    most = "not measured" if seen is None else f"{min(seen, wanted)} of {wanted} at one time"
    unheard = e.hold.options.stepped and seen == 0  # its receivers are there to be held
    yield Criterion("held", INCONCLUSIVE if unheard else PASS, f"{most}; {usual}")


def notified(e: Evidence) -> Criteria:
    """Distinguish waiting, repeated and dropped notifications from lost ones."""
    last, expected = e.listeners.of_update, e.load.expected
    if last is None or e.listeners.notified is None:
        return
    arrived = min(e.listeners.notified, expected)
    missing, again = expected - arrived, (last.doubled or 0) if e.hold.options.load.updates == 1 else 0
    parts = [f"{arrived} of {expected} arrived, the last at second {e.same_update.last_at}"]
    parts += [f"{again} were sent more than once"] * bool(again)
    if missing and e.same_update.lost:
        yield Criterion("notified", FAIL, ", ".join([*parts, f"{missing} were lost"]))
        return
    parts += [f"{missing} {e.same_update.why_missing}"] * bool(missing)
    yield Criterion("notified", PASS, ", ".join(parts))


def same_update(e: Evidence) -> Criteria:
    """Judge the healthy subscribers of the update that also notifies the slow receivers."""
    if not e.same_update.wanted or not e.same_update.measured:
        return
    arrived, slowest = e.same_update.arrived, e.same_update.slowest
    late = slowest > e.hold.options.healthy_limit
    text = f"{arrived} of {e.same_update.wanted} notified, the slowest after {duration(slowest)}"
    if arrived < e.same_update.wanted:
        text = f"{arrived} of {e.same_update.wanted} notified; the others were not within {duration(slowest)}"
    yield Criterion(NAME, FAIL if late or arrived < e.same_update.wanted else PASS, text)


def load(e: Evidence) -> Criteria:
    """Report other events of the receivers."""
    for text in unreachable(e):
        yield Criterion("listeners", PASS, text)
    if too_few_arrived(e):
        yield Criterion("listener", INCONCLUSIVE, accepted(e))
    if gave_up := e.listeners.abandoned:
        yield Criterion("answers", PASS, f"the broker gave up {gave_up} notifications that were held")
    if sent := e.hold.progress.still_sent:
        yield Criterion("cleanup", PASS, f"{sent} notifications came of subscriptions that had been removed")
