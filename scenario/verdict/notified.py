"""Judges whether every notification was sent once. A notification carries its update and its subscription."""

from __future__ import annotations

from collections.abc import Iterator

from scenario.run.results import Criterion
from scenario.verdict.evidence import Evidence
from scenario.verdict.of_notifications import foreign_counts, too_few_arrived
from scenario.verdict.outcomes import FAIL, INCONCLUSIVE, PASS


def notified_once(e: Evidence) -> Iterator[Criterion]:
    """Judge it if the listeners report it."""
    last, expected = e.listeners.of_update, e.load.expected
    if last is None or last.notified is None or last.doubled is None:
        return
    if last.notified > expected + e.load.few:
        return  # some do not belong to the run: that is a matter of the load
    once, missing = last.notified - last.doubled, max(0, expected - last.notified)
    waiting = min(missing, e.queue.backlog_at_end)
    parts = [f"{once} of {expected} subscriptions were notified once"]
    parts += [f"{last.doubled} more than once"] * bool(last.doubled)
    parts += [f"{waiting} still waited for a worker at the end"] * bool(waiting)
    parts += [f"{missing - waiting} were not"] * (missing > waiting)
    progress = e.hold.progress
    unsure = progress.missing or progress.interrupted or too_few_arrived(e) or e.listeners.unreachable
    outcome = PASS if once >= expected else INCONCLUSIVE if unsure else FAIL
    yield Criterion("notified", outcome, ", ".join(parts))
    if foreign := foreign_counts(e):
        yield Criterion("counts", INCONCLUSIVE, foreign)
