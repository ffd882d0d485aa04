"""What --rate above 1 adds to a verdict: percentiles at rest and while the connections were held, over all tries.

The rows are judged as ever: one is NOK when one of its tries is, and slow when one of them is.
"""

from __future__ import annotations

from scenario.run.results import Row
from scenario.run.tries import percentile
from scenario.verdict.answers import Answer, Reasons, clients, tries
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
        if got:
            yield from _told(hold, name, got)
            late = max([late, *(answer.tries.late for answer in got if answer.tries)])
    healthy = [(row, row.healthy.latencies) for row in hold.rows if row.healthy]
    if arrived := [(row, latency) for row, latencies in healthy for latency in latencies]:
        yield PASS, f"healthy subscribers: {_percentiles(hold, arrived)}, of {len(arrived)} notifications"
    if late > MUCH:
        yield PASS, f"rate: this host sent tries up to {late:.0f} ms late, which their latencies contain"


def _told(hold: Hold, name: str, got: list[Answer]) -> Reasons:
    each, due = tries(got), len(got) * hold.options.rate
    nok = sum(bool(answer.error) for answer in each)
    right = [(answer.row, answer.latency) for answer in each if not answer.error]
    of = f"of {len(each)} tries{f', {nok} of them NOK' if nok else ''}"
    yield PASS, f"{name}: {_percentiles(hold, right)}, {of}"
    if len(each) < TRIES_SHARE * due:
        yield INCONCLUSIVE, f"{name}: {len(each)} of {due} tries were sent: this host was too busy for --rate"


def _percentiles(hold: Hold, latencies: list[tuple[Row, float]]) -> str:
    """Return "p99 6 ms at rest, 9 ms with 5000 held"."""
    rest = percentile([latency for row, latency in latencies if row.since_trigger < 0], 0.99)
    seconds, held = _held(hold)
    then = percentile([latency for row, latency in latencies if row.since_trigger in seconds], 0.99)
    return f"p99 {_ms(rest)} at rest, {_ms(then)} {f'with {held} held' if held else 'after the update'}"


def _held(hold: Hold) -> tuple[set[int], int]:
    """Return the seconds in which as good as the most connections were held, and how many; all, when none was."""
    per_row = held_per_row(hold)
    most = max((held for held, _ in per_row), default=0)
    if most <= 0:
        return {row.since_trigger for row in hold.rows if row.since_trigger >= 0}, 0
    return {second for held, second in per_row if held >= HELD_SHARE * most}, min(most, hold.options.subscriptions)


def _ms(latency: float | None) -> str:
    return "none right" if latency is None else f"{latency:.0f} ms" if latency < 10_000 else f"{latency / 1000:.1f} s"
