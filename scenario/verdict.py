"""Rows and progress -> PASS, FAIL or INCONCLUSIVE, each with its reasons.

PASS needs: every subscription created, 99 % of them held at one time, every version row OK within the SLO (less
--max-nok), rows for 95 % of the seconds, all idle clients accepted and still answered at the end. What was seen to fail
is a FAIL. What could not be seen, or a run that was cut short, is INCONCLUSIVE. Nothing missing ever makes a PASS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from scenario.options import Options
from scenario.progress import Progress
from scenario.records import Row, Verdict
from scenario.run import Schedule

HELD_SHARE = 0.99
ROWS_SHARE = 0.95
PASS, FAIL, PREFLIGHT, INCONCLUSIVE = "PASS", "FAIL", "PREFLIGHT FAILED", "INCONCLUSIVE"
PREFLIGHT_OK = "PREFLIGHT OK"
EXIT_CODES = {PASS: 0, PREFLIGHT_OK: 0, FAIL: 1, PREFLIGHT: 3, INCONCLUSIVE: 4}


@dataclass(frozen=True)
class Judged:
    """What is judged. `schedule` is None when the run never came to its baseline: then there are no rows."""

    options: Options
    progress: Progress
    schedule: Schedule | None
    rows: Sequence[Row]


def judge(run: Judged) -> Verdict:
    """Judge a run, whether it came to its end or not."""
    reasons = [reason for check in _CHECKS for reason in check(run)]
    outcomes = {outcome for outcome, _ in reasons}
    if run.progress.interrupted:
        outcome = INCONCLUSIVE  # what was seen to fail is listed, but the run did not get the time it asked for
    else:
        outcome = next((outcome for outcome in (FAIL, INCONCLUSIVE) if outcome in outcomes), PASS)
    texts = [text for kind in (FAIL, INCONCLUSIVE, PASS) for outcome_, text in reasons if outcome_ == kind]
    return Verdict(outcome, tuple(texts), EXIT_CODES[outcome])


_Reasons = Iterator[tuple[str, str]]


def _ended(run: Judged) -> _Reasons:
    progress = run.progress
    if progress.interrupted:
        yield INCONCLUSIVE, f"interrupted in phase {progress.interrupted}"
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
    text = f"held: {max(most, 0)} of {wanted} at one time{at}"
    too_few = INCONCLUSIVE if run.progress.missing else FAIL  # a run that was cut short may not have seen the most
    yield (PASS if most >= HELD_SHARE * wanted else too_few), text


def held_per_row(run: Judged) -> list[tuple[int, int]]:
    """Return (held connections, seconds since the trigger) of the rows after it.

    Held is established now - established at rest - idle clients; with --no-connection-info it is the listener's count.
    """
    after = [row for row in run.rows if row.since_trigger >= 0]
    if not run.options.connection_info:
        return [
            (row.listener.held, row.since_trigger)
            for row in after
            if row.listener is not None and row.listener.held is not None
        ]
    rest = rest_level(run.rows)
    if rest is None:
        return []
    idle = run.progress.idle
    return [
        (count.established - rest - (idle.accepted if idle and count.at > idle.at else 0), row.since_trigger)
        for row in after
        if (count := row.connections) and count.established is not None
    ]


def rest_level(rows: Sequence[Row]) -> int | None:
    """Return the broker's established connections before the trigger (median); None when nobody counted."""
    counts = [row.established for row in rows if row.since_trigger < 0 and row.established is not None]
    return round(median(counts)) if counts else None


def fds_per_notification(rows: Sequence[Row]) -> float | None:
    """Return the file descriptors that a held connection costs the broker; None while nobody can tell."""
    counted = [
        (row.established, row.connections.fds)
        for row in rows
        if row.connections and row.established is not None and row.connections.fds is not None
    ]
    if not counted or counted[-1][0] <= counted[0][0]:
        return None
    (rest, fds_at_rest), (now, fds_now) = counted[0], counted[-1]
    return (fds_now - fds_at_rest) / (now - rest)


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
        when = f"the first at second {first.since_trigger}{_after_idle(run, first)}"
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


def _gaps(run: Judged) -> _Reasons:
    if run.schedule is None:
        return
    seconds = run.schedule.end - run.schedule.start + 1
    counted = {"rows": sum(row.version is not None for row in run.rows)}
    if run.options.connection_info:
        counted["connection counts"] = sum(row.established is not None for row in run.rows)
    for name, count in counted.items():
        text = f"{name}: for {count} of {seconds} seconds"
        yield (PASS if count >= ROWS_SHARE * seconds else INCONCLUSIVE), text


def _idle(run: Judged) -> _Reasons:
    wanted, idle = run.options.idle_connections, run.progress.idle
    if run.schedule is None or not wanted:
        return
    if idle is None or idle.answered is None:
        yield INCONCLUSIVE, "idle clients: the run ended before they could be judged"
        return
    text = f"idle clients: {idle.accepted} of {wanted} accepted, {idle.answered} answered at the end"
    yield (
        (PASS if idle.accepted == idle.answered == wanted else FAIL),
        text + (f" ({idle.error})" if idle.error else ""),
    )


_CHECKS = (_ended, _seeding, _held, _version, _idle, _gaps)
