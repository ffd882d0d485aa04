"""Criteria for --rate above 1: percentiles at rest and while the connections were held, over all tries.

Rows are judged as usual: a row is NOK or slow if one of its tries is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scenario.run.results import Criterion, Row
from scenario.run.tries import Tries, percentile
from scenario.verdict.evidence import Evidence
from scenario.verdict.healthy import NAME, duration
from scenario.verdict.outcomes import INCONCLUSIVE, PASS
from scenario.verdict.thresholds import LATE_TRY, TRIES_SHARE


def rate(e: Evidence) -> Iterator[Criterion]:
    """Report the percentiles, and whether this host kept the rate."""
    if e.hold.options.probes.rate == 1 or e.hold.schedule is None:
        return
    late = 0.0
    for client in e.clients:
        rows = [(answer.row, answer.tries) for answer in client.answers if answer.tries]
        if rows:
            yield from _of_client(e, client.name, rows)
            late = max(late, *(tries.late for _, tries in rows))
    arrived = [(row, row.healthy.latencies) for row in e.hold.rows if row.healthy]
    if notifications := sum(len(latencies) for _, latencies in arrived):
        yield Criterion(NAME, PASS, f"{_percentiles(e, arrived)}, of {notifications} notifications")
    if late > LATE_TRY:
        text = f"this host sent tries up to {late:.0f} ms late, which their latencies contain"
        yield Criterion("rate", PASS, text)


def _of_client(e: Evidence, name: str, rows: list[tuple[Row, Tries]]) -> Iterator[Criterion]:
    sent, due = sum(tries.count for _, tries in rows), len(rows) * e.hold.options.probes.rate
    nok = sum(tries.nok for _, tries in rows)
    percentiles = _percentiles(e, [(row, tries.right) for row, tries in rows])
    yield Criterion(name, PASS, f"{percentiles}, of {sent} tries{f', {nok} of them NOK' if nok else ''}")
    if sent < TRIES_SHARE * due:
        yield Criterion(name, INCONCLUSIVE, f"{sent} of {due} tries were sent: this host was too busy for --rate")


def _percentiles(e: Evidence, of_rows: Sequence[tuple[Row, Sequence[float]]]) -> str:
    """Return "p99 6 ms at rest, 9 ms with 5000 held" of the rows' latencies; all rows since the update, if none was."""
    held = min(e.held.number, e.load.wanted)
    rest = [latency for row, latencies in of_rows if row.since_trigger < 0 for latency in latencies]
    full = e.held.full if held else {row.since_trigger for row in e.hold.loaded}
    then = [latency for row, latencies in of_rows if row.since_trigger in full for latency in latencies]
    return f"p99 {_p99(rest)} at rest, {_p99(then)} {f'with {held} held' if held else 'after the update'}"


def _p99(latencies: Sequence[float]) -> str:
    value = percentile(latencies, 0.99)
    return "none right" if value is None else duration(value)
