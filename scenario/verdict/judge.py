"""Rows and progress -> PASS, FAIL or INCONCLUSIVE, each with its reasons.

PASS needs: every subscription created, 99 % of them held at one time, every version row OK within the SLO (less
--max-nok), rows for 95 % of the seconds, all idle clients accepted and still answered before they let go. What was seen
to fail is a FAIL. What could not be seen, a load that was not the one asked for, or a run that was cut short, is
INCONCLUSIVE. Nothing missing ever makes a PASS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from scenario.run.records import Row, Verdict
from scenario.verdict.causes import UNKNOWN, diagnose
from scenario.verdict.held import HELD_SHARE, Judged, held_per_row
from scenario.verdict.recovery import recovery
from scenario.verdict.symptoms import Symptoms

ROWS_SHARE = 0.95
PASS, FAIL, PREFLIGHT, INCONCLUSIVE = "PASS", "FAIL", "PREFLIGHT FAILED", "INCONCLUSIVE"
PREFLIGHT_OK = "PREFLIGHT OK"
EXIT_CODES = {PASS: 0, PREFLIGHT_OK: 0, FAIL: 1, PREFLIGHT: 3, INCONCLUSIVE: 4}


def judge(run: Judged) -> Verdict:
    """Judge a run, whether it came to its end or not."""
    reasons = [reason for check in _CHECKS for reason in check(run)]
    outcomes = {outcome for outcome, _ in reasons}
    if run.progress.interrupted:
        outcome = INCONCLUSIVE  # what was seen to fail is listed, but the run did not get the time it asked for
    else:
        outcome = next((outcome for outcome in (FAIL, INCONCLUSIVE) if outcome in outcomes), PASS)
    texts = [text for kind in (FAIL, INCONCLUSIVE, PASS) for outcome_, text in reasons if outcome_ == kind]
    causes = () if outcome == PASS else diagnose(Symptoms(run))
    if run.progress.interrupted or run.progress.missing:  # then there need not be one
        causes = tuple(cause for cause in causes if cause.cause != UNKNOWN.name)
    return Verdict(outcome, tuple(texts), EXIT_CODES[outcome], causes)


def interruption(run: Judged) -> list[str]:
    """Say in which phase somebody stopped the run; nothing when nobody did."""
    return [f"interrupted in phase {run.progress.interrupted}"] if run.progress.interrupted else []


_Reasons = Iterator[tuple[str, str]]


def _ended(run: Judged) -> _Reasons:
    progress = run.progress
    for text in interruption(run):
        yield INCONCLUSIVE, text
    for failure in progress.failures:
        yield FAIL, failure
    for lack in progress.missing:
        yield INCONCLUSIVE, lack


def _seeding(run: Judged) -> _Reasons:
    if run.schedule is not None:  # what was refused ended the run before
        yield PASS, f"subscriptions: {run.progress.created} of {run.options.subscriptions} created"


def _held(run: Judged) -> _Reasons:
    if run.schedule is None or run.progress.update is None or run.progress.update.error:
        return
    per_row = held_per_row(run)
    if not per_row:
        yield INCONCLUSIVE, "held: nobody counted the connections that were held"
        return
    most, since_trigger = max(per_row, key=lambda held: held[0])
    wanted = run.options.subscriptions
    at = f" (at second {since_trigger})" if most > 0 else ""
    text = f"held: {min(max(most, 0), wanted)} of {wanted} at one time{at}"
    too_few = INCONCLUSIVE if run.progress.missing else FAIL  # a run that was cut short may not have seen the most
    yield (PASS if most >= HELD_SHARE * wanted else too_few), text


def _version(run: Judged) -> _Reasons:
    slo = run.options.version_slo
    probed = [(row, row.version) for row in run.rows if row.version is not None]
    refused = [(row, probe) for row, probe in probed if probe.error]
    slow = [(row, probe) for row, probe in probed if not probe.error and (probe.latency or 0) > slo]
    outcome = FAIL if len(refused) + len(slow) > run.options.max_nok else PASS
    if refused:
        kinds = Counter(probe.error for _, probe in refused).most_common(3)
        seen = ", ".join(f"{count} x {error}" for error, count in kinds)
        first = refused[0][0]
        when = f"the first at second {first.since_trigger}{_after_idle(run, first)}{_after_release(run)}"
        yield outcome, f"version: {len(refused)} of {len(probed)} rows NOK ({seen}), {when}"
    if slow:
        latency, second = max((probe.latency or 0, row.since_trigger) for row, probe in slow)
        worst = f"the worst {latency:.0f} ms at second {second}"
        yield outcome, f"version: {len(slow)} of {len(probed)} rows slower than {slo:.0f} ms, {worst}"
    if probed and not refused and not slow:
        slowest = max(probe.latency or 0 for _, probe in probed)
        yield PASS, f"version: {len(probed)} of {len(probed)} rows OK, the slowest in {slowest:.0f} ms"


def _after_idle(run: Judged, row: Row) -> str:
    idle = run.progress.idle
    if idle is None or row.at < idle.at or any(not earlier.version_ok for earlier in run.rows if earlier.at < idle.at):
        return ""
    return f", {row.at - idle.at:.0f} s after the idle clients connected; it was OK in every row before them"


def _after_release(run: Judged) -> str:
    released = run.progress.idle and run.progress.idle.released
    after = [row for row in run.rows if released and row.at > released and row.version]
    if not after or not all(row.version_ok for row in after):
        return ""
    return f"; OK again in all {len(after)} rows since they let go"


def _process(run: Judged) -> _Reasons:
    seen = Symptoms(run)
    if seen.restarted:
        yield FAIL, f"process: the broker was restarted ({', then '.join(seen.pids)})"


def _load(run: Judged) -> _Reasons:
    """The load was not what it should be, which is not the broker's failure."""
    seen = Symptoms(run)
    for error, rows in seen.unreachable.items():
        yield INCONCLUSIVE, f"listeners: {error} in {rows} rows"
    if seen.listener_took_too_few:
        yield INCONCLUSIVE, f"listener: it took {seen.accepted} of the {seen.held} connections that the broker holds"
    if seen.unanswered > seen.few:
        yield INCONCLUSIVE, f"answers: {seen.unanswered} of {seen.expected} notifications ended without one"
    if seen.notified > seen.expected + seen.few:
        yield INCONCLUSIVE, f"notifications: {seen.notified} for {seen.expected} subscriptions"


def _recovery(run: Judged) -> _Reasons:
    for text in recovery(run):
        yield PASS, text


def _gaps(run: Judged) -> _Reasons:
    if run.schedule is None:
        return
    seconds = run.schedule.end - run.schedule.start + 1
    counted = {"rows": sum(row.version is not None for row in run.rows)}
    if run.options.connection_info:
        counted["connection counts"] = sum(row.established is not None for row in run.rows)
    if run.options.queue_size and run.progress.update:
        counted["queue sizes"] = sum(row.queue is not None and row.queue.size is not None for row in run.rows)
    least = ROWS_SHARE * seconds
    if run.options.stepped:
        least = min(least, seconds - 1)  # a step is short: one second that a busy host lost is no reason to end it
    for name, count in counted.items():
        yield (PASS if count >= least else INCONCLUSIVE), f"{name}: for {count} of {seconds} seconds"


def _idle(run: Judged) -> _Reasons:
    wanted, idle = run.options.idle_connections, run.progress.idle
    if run.schedule is None or not wanted:
        return
    if idle is None or idle.answered is None:
        yield INCONCLUSIVE, "idle clients: the run ended before they could be judged"
        return
    text = f"idle clients: {idle.accepted} of {wanted} accepted, {idle.answered} answered before they let go"
    yield (
        (PASS if idle.accepted == idle.answered == wanted else FAIL),
        text + (f" ({idle.error})" if idle.error else ""),
    )


_CHECKS = (_ended, _seeding, _held, _version, _idle, _process, _load, _gaps, _recovery)
