"""What --rate above 1 adds to a verdict: percentiles at rest and while the connections were held, over all tries.

The rows are judged as ever: one is NOK when one of its tries is, and slow when one of them is.
"""

from __future__ import annotations

from collections.abc import Sequence

from scenario.run.results import Row
from scenario.run.tries import Tries, percentile
from scenario.verdict.answered import Reasons, clients
from scenario.verdict.healthy import duration
from scenario.verdict.held import HELD_SHARE, Hold, held_per_row
from scenario.verdict.outcomes import INCONCLUSIVE, PASS

TRIES_SHARE = 0.95  # of those that were due in the rows that there are
MUCH = 20.0  # ms that a try is sent late, and so its latency is too high


def rate(hold: Hold) -> Reasons:
    """Tell the percentiles, and how well this host kept to the rate."""
    if hold.options.rate == 1 or hold.schedule is None:
        return
    late = 0.0
    for name, got in clients(hold).items():
        rows = [(answer.row, answer.tries) for answer in got if answer.tries]
        if rows:
            yield from _told(hold, name, rows)
            late = max(late, *(tries.late for _, tries in rows))
    arrived = [(row, row.healthy.latencies) for row in hold.rows if row.healthy]
    if notifications := sum(len(latencies) for _, latencies in arrived):
        yield PASS, f"healthy subscribers: {_percentiles(hold, arrived)}, of {notifications} notifications"
    if late > MUCH:
        yield PASS, f"rate: this host sent tries up to {late:.0f} ms late, which their latencies contain"


def _told(hold: Hold, name: str, rows: list[tuple[Row, Tries]]) -> Reasons:
    sent, due = sum(tries.count for _, tries in rows), len(rows) * hold.options.rate
    nok = sum(tries.nok for _, tries in rows)
    percentiles = _percentiles(hold, [(row, tries.right) for row, tries in rows])
    yield PASS, f"{name}: {percentiles}, of {sent} tries{f', {nok} of them NOK' if nok else ''}"
    if sent < TRIES_SHARE * due:
        yield INCONCLUSIVE, f"{name}: {sent} of {due} tries were sent: this host was too busy for --rate"


def _percentiles(hold: Hold, of_rows: Sequence[tuple[Row, Sequence[float]]]) -> str:
    """Return "p99 6 ms at rest, 9 ms with 5000 held" of the rows' latencies."""
    seconds, held = _held(hold)
    rest = [latency for row, latencies in of_rows if row.since_trigger < 0 for latency in latencies]
    then = [latency for row, latencies in of_rows if row.since_trigger in seconds for latency in latencies]
    return f"p99 {_p99(rest)} at rest, {_p99(then)} {f'with {held} held' if held else 'after the update'}"


def _held(hold: Hold) -> tuple[set[int], int]:
    """Return the seconds in which as good as the most connections were held, and how many; all, when none was."""
    per_row = held_per_row(hold)
    most = max((held for held, _ in per_row), default=0)
    if most <= 0:
        return {row.since_trigger for row in hold.rows if row.since_trigger >= 0}, 0
    return {second for held, second in per_row if held >= HELD_SHARE * most}, min(most, hold.options.subscriptions)


def _p99(latencies: Sequence[float]) -> str:
    value = percentile(latencies, 0.99)
    return "none right" if value is None else duration(value)
