"""A hold -> PASS, FAIL or INCONCLUSIVE, each with its reasons.

PASS needs: every subscription created, 99 % of the notifications held at one time, every row of version, update and
query OK within the SLO (less --max-nok), rows for 95 % of the seconds (or all but one), all idle clients accepted and
answered before they disconnected, and every --limit kept.
What was seen to fail is a FAIL. What could not be seen, a load that was not the one asked for, or a run that was cut
short, is INCONCLUSIVE. Nothing missing ever makes a PASS.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scenario.peers import kind_of
from scenario.run.results import Criterion, Verdict
from scenario.verdict import ngsild
from scenario.verdict.answered import answered
from scenario.verdict.causes.peers import accepted, unreachable
from scenario.verdict.causes.process import restart
from scenario.verdict.deliveries import notified_once
from scenario.verdict.diagnosis import UNKNOWN, diagnose, excused, found_causes, what_fails
from scenario.verdict.evidence import Evidence
from scenario.verdict.expectations import limits
from scenario.verdict.healthy import healthy
from scenario.verdict.hold import Hold
from scenario.verdict.liveness import restart_by_liveness
from scenario.verdict.measures import measured
from scenario.verdict.of_broker import restarted
from scenario.verdict.of_notifications import lost_on_the_way, notified, too_few_arrived
from scenario.verdict.outcomes import FAIL, INCONCLUSIVE, PASS, endings, verdict_of
from scenario.verdict.rate import rate
from scenario.verdict.recovery import recovery
from scenario.verdict.thresholds import HELD_SHARE, ROWS_SHARE

Criteria = Iterator[Criterion]


def judge_hold(hold: Hold) -> Verdict:
    """Judge one hold, complete or not."""
    evidence = Evidence.of(hold)
    checks = _CHECKS_OF_NGSILD if kind_of(hold.options).speaks_ngsild else _CHECKS
    judged = [criterion for check in checks for criterion in check(evidence)]
    fails = what_fails(evidence, judged)
    holds = found_causes(evidence, fails)
    criteria = excused(evidence, judged, holds)
    figures = measured(evidence)
    of_limits = list(limits(evidence, figures))
    progress = hold.progress
    verdict = replace(verdict_of([*criteria, *of_limits], interrupted=bool(progress.interrupted)), figures=figures)
    if verdict.outcome == PASS:
        return verdict
    causes = diagnose(evidence, fails, holds)
    if progress.interrupted or progress.missing or verdict_of(criteria).outcome == PASS:  # then there need not be one
        causes = tuple(cause for cause in causes if cause.cause != UNKNOWN)
    return replace(verdict, causes=causes)


def _ended(e: Evidence) -> Criteria:
    yield from endings(e.hold.progress)


def _seeding(e: Evidence) -> Criteria:
    if e.hold.schedule is not None:  # what was refused ended the run before
        yield Criterion(
            "subscriptions", PASS, f"{e.hold.progress.created} of {e.hold.options.load.subscriptions} created"
        )


def _held(e: Evidence) -> Criteria:
    hold = e.hold
    if hold.schedule is None or hold.progress.update is None or hold.progress.update.error:
        return
    if not e.held.per_row:
        yield Criterion("held", INCONCLUSIVE, "not measured")
        return
    wanted = e.load.wanted
    most, since_trigger = max(e.held.per_row, key=lambda held: min(held[0], wanted))
    at = f" (at second {since_trigger})" if most > 0 else ""
    too_few = INCONCLUSIVE if hold.progress.missing else FAIL  # a run that was cut short may not have seen the most
    outcome = PASS if most >= HELD_SHARE * wanted else too_few
    text = f"{min(max(most, 0), wanted)} of {wanted} at one time{at}"
    if outcome == PASS and not e.held.proved:
        outcome, text = INCONCLUSIVE, f"{text}, by open connections alone: whether they wait for an answer is not known"
    yield Criterion("held", outcome, text)


def _process(e: Evidence) -> Criteria:
    if restarted(e):
        yield Criterion("process", FAIL, f"the broker was restarted: {restart(e)}")


def _load(e: Evidence) -> Criteria:
    """Criteria for a wrong load, which is not the broker's failure."""
    few, expected = e.load.few, e.load.expected
    for text in unreachable(e):
        yield Criterion("listeners", INCONCLUSIVE, text)
    if too_few_arrived(e):
        yield Criterion("listener", INCONCLUSIVE, accepted(e))
    if (lost := lost_on_the_way(e) or 0) > few:
        yield Criterion("answers", INCONCLUSIVE, f"{lost} of {expected} never reached the broker")
    if (unanswered := min(e.way.unanswered or 0, expected)) > few:
        yield Criterion("answers", INCONCLUSIVE, f"{unanswered} of {expected} notifications ended without one")
    if notified(e) > expected + few:
        yield Criterion("notifications", INCONCLUSIVE, f"{notified(e)} for {expected} subscriptions")


def _remarks(e: Evidence) -> Criteria:
    """Remarks that are not judged."""
    if restart := restart_by_liveness(e.hold.rows):
        yield Criterion("liveness", PASS, restart)
    for text in recovery(e):
        yield Criterion("recovery", PASS, text)


def _gaps(e: Evidence) -> Criteria:
    schedule, options, rows = e.hold.schedule, e.hold.options, e.hold.rows
    if schedule is None:
        return
    seconds = schedule.end - schedule.start + 1
    counted = {"rows": sum(row.version is not None for row in rows)}
    if options.probes.connection_info:
        counted["connection counts"] = sum(row.established is not None for row in rows)
    if options.probes.client:
        counted["client's answers"] = sum(row.client is not None for row in rows)
    if options.probes.queue_size and e.hold.progress.update:
        counted["queue sizes"] = sum(row.queue is not None and row.queue.size is not None for row in rows)
    least = min(ROWS_SHARE * seconds, seconds - 1)  # in a short run, too, a busy host may lose one
    for name, count in counted.items():
        yield Criterion(name, PASS if count >= least else INCONCLUSIVE, f"for {count} of {seconds} seconds")


def _idle(e: Evidence) -> Criteria:
    wanted, idle = e.hold.options.load.idle_connections, e.hold.progress.idle
    if e.hold.schedule is None or not wanted:
        return
    if idle is None or idle.answered is None:
        yield Criterion("idle clients", INCONCLUSIVE, "the run ended before they could be judged")
        return
    at_first = " at first" if idle.answered > idle.accepted else ""
    text = f"{idle.accepted} of {wanted} accepted{at_first}, {idle.answered} answered before they disconnected"
    outcome = PASS if idle.accepted == idle.answered == wanted else FAIL
    if (reached := e.port.idle_clients) is not None and reached < idle.accepted / 2:
        text += f"; {max(reached, 0)} of them reached the broker: something in front of it holds the others"
        outcome = PASS if outcome == PASS else INCONCLUSIVE
    yield Criterion("idle clients", outcome, text + (f" ({idle.error})" if idle.error else ""))


_CHECKS = (_ended, _seeding, _held, notified_once, answered, healthy, rate, _idle, _process, _load, _gaps, _remarks)
_CHECKS_OF_NGSILD = (
    *(_ended, _seeding, ngsild.held, ngsild.notified, answered, healthy, ngsild.same_update),
    *(rate, _idle, _process, ngsild.load, _gaps, _remarks),
)
