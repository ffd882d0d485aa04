"""A hold -> PASS, FAIL or INCONCLUSIVE, each with its reasons.

PASS needs: every subscription created, 99 % of them held at one time, every row of version, update and query OK within
the SLO (less --max-nok), rows for 95 % of the seconds (or all but one), all idle clients accepted and answered before
they let go, and every --limit kept.
What was seen to fail is a FAIL. What could not be seen, a load that was not the one asked for, or a run that was cut
short, is INCONCLUSIVE. Nothing missing ever makes a PASS.
"""

from __future__ import annotations

from dataclasses import replace

from scenario.run.results import Verdict
from scenario.verdict.answered import Reasons, answered
from scenario.verdict.diagnosis import UNKNOWN, diagnose
from scenario.verdict.healthy import healthy
from scenario.verdict.held import HELD_SHARE, Hold, held_per_row
from scenario.verdict.limits import limits
from scenario.verdict.liveness import restart
from scenario.verdict.measures import measured
from scenario.verdict.notified import notified
from scenario.verdict.outcomes import FAIL, INCONCLUSIVE, PASS, endings, verdict_of
from scenario.verdict.rate import rate
from scenario.verdict.recovery import recovery
from scenario.verdict.symptoms import Symptoms

ROWS_SHARE = 0.95


def judge_hold(hold: Hold) -> Verdict:
    """Judge what was held once, whether it came to its end or not."""
    reasons = [reason for check in _CHECKS for reason in check(hold)]
    figures = measured(hold)
    own = list(limits(hold, figures))
    progress = hold.progress
    verdict = replace(verdict_of([*reasons, *own], interrupted=bool(progress.interrupted)), figures=figures)
    if verdict.outcome == PASS:
        return verdict
    causes = diagnose(Symptoms(hold))
    if progress.interrupted or progress.missing or verdict_of(reasons).outcome == PASS:  # then there need not be one
        causes = tuple(cause for cause in causes if cause.cause != UNKNOWN)
    return replace(verdict, causes=causes)


def _ended(hold: Hold) -> Reasons:
    yield from endings(hold.progress)


def _seeding(hold: Hold) -> Reasons:
    if hold.schedule is not None:  # what was refused ended the run before
        yield PASS, f"subscriptions: {hold.progress.created} of {hold.options.subscriptions} created"


def _held(hold: Hold) -> Reasons:
    if hold.schedule is None or hold.progress.update is None or hold.progress.update.error:
        return
    per_row = held_per_row(hold)
    if not per_row:
        yield INCONCLUSIVE, "held: nobody counted the connections that were held"
        return
    most, since_trigger = max(per_row, key=lambda held: min(held[0], hold.options.subscriptions))
    wanted = hold.options.subscriptions
    at = f" (at second {since_trigger})" if most > 0 else ""
    text = f"held: {min(max(most, 0), wanted)} of {wanted} at one time{at}"
    too_few = INCONCLUSIVE if hold.progress.missing else FAIL  # a run that was cut short may not have seen the most
    yield (PASS if most >= HELD_SHARE * wanted else too_few), text


def _process(hold: Hold) -> Reasons:
    seen = Symptoms(hold)
    if seen.restarted:
        yield FAIL, f"process: the broker was restarted: {seen.restart}"


def _load(hold: Hold) -> Reasons:
    """The load was not what it should be, which is not the broker's failure."""
    seen = Symptoms(hold)
    for error, rows in seen.unreachable.items():
        yield INCONCLUSIVE, f"listeners: {error} in {rows} rows"
    if seen.listener_took_too_few:
        yield INCONCLUSIVE, f"listener: it took {seen.accepted} of the {seen.held} connections that the broker holds"
    if seen.lost_on_the_way > seen.few:
        yield INCONCLUSIVE, f"answers: {seen.lost_on_the_way} of {seen.expected} never reached the broker"
    if seen.unanswered > seen.few:
        yield INCONCLUSIVE, f"answers: {seen.unanswered} of {seen.expected} notifications ended without one"
    if seen.notified > seen.expected + seen.few:
        yield INCONCLUSIVE, f"notifications: {seen.notified} for {seen.expected} subscriptions"


def _told(hold: Hold) -> Reasons:
    """What is worth knowing, and nobody is judged by."""
    for text in (restart(hold.rows), *recovery(hold)):
        if text:
            yield PASS, text


def _gaps(hold: Hold) -> Reasons:
    if hold.schedule is None:
        return
    seconds = hold.schedule.end - hold.schedule.start + 1
    counted = {"rows": sum(row.version is not None for row in hold.rows)}
    if hold.options.connection_info:
        counted["connection counts"] = sum(row.established is not None for row in hold.rows)
    if hold.options.client:
        counted["client's answers"] = sum(row.client is not None for row in hold.rows)
    if hold.options.queue_size and hold.progress.update:
        counted["queue sizes"] = sum(row.queue is not None and row.queue.size is not None for row in hold.rows)
    least = min(ROWS_SHARE * seconds, seconds - 1)  # in a short run, too, a busy host may lose one
    for name, count in counted.items():
        yield (PASS if count >= least else INCONCLUSIVE), f"{name}: for {count} of {seconds} seconds"


def _idle(hold: Hold) -> Reasons:
    wanted, idle = hold.options.idle_connections, hold.progress.idle
    if hold.schedule is None or not wanted:
        return
    if idle is None or idle.answered is None:
        yield INCONCLUSIVE, "idle clients: the run ended before they could be judged"
        return
    text = f"idle clients: {idle.accepted} of {wanted} accepted, {idle.answered} answered before they let go"
    yield (
        (PASS if idle.accepted == idle.answered == wanted else FAIL),
        text + (f" ({idle.error})" if idle.error else ""),
    )


_CHECKS = (_ended, _seeding, _held, notified, answered, healthy, rate, _idle, _process, _load, _gaps, _told)
