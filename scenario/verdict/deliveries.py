"""Judges whether every notification was sent once. A notification carries its update and its subscription."""

from __future__ import annotations

from collections.abc import Iterator

from scenario.run.results import Criterion
from scenario.verdict.evidence import Evidence
from scenario.verdict.of_notifications import foreign_counts, too_few_arrived
from scenario.verdict.outcomes import FAIL, INCONCLUSIVE, PASS


def notified_once(e: Evidence) -> Iterator[Criterion]:
    """Judge what the listeners report of the update."""
    last, arrived, expected = e.listeners.of_update, e.listeners.notified, e.load.expected
    if last is None or arrived is None or last.doubled is None:
        return
    if arrived > expected + e.load.few:
        return  # some do not belong to the run: that is a matter of the load
    several = e.hold.options.load.updates > 1  # these notify every subscription again
    doubled = 0 if several else last.doubled
    once, missing = arrived - doubled, max(0, expected - arrived)
    waiting = min(missing, e.queue.backlog_at_end)
    parts = [f"{once} of {expected} {'notifications were sent' if several else 'subscriptions were notified once'}"]
    parts += [f"{doubled} more than once"] * bool(doubled)
    parts += [f"{waiting} still waited for a worker at the end"] * bool(waiting)
    parts += [f"{missing - waiting} were not"] * (missing > waiting)
    progress = e.hold.progress
    unsure = progress.missing or progress.interrupted or too_few_arrived(e) or e.listeners.unreachable
    outcome = PASS if once >= expected else INCONCLUSIVE if unsure else FAIL
    yield Criterion("notified", outcome, ", ".join(parts))
    if foreign := foreign_counts(e):
        yield Criterion("counts", INCONCLUSIVE, foreign)
