"""--rate: when tries are due, from when their latency counts, what a second's and a run's come to; and a real run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import msgspec
import pytest

from scenario.outputs.columns import TRIES_COLUMNS, cells, columns_of, names
from scenario.peers.answers import Answer
from scenario.peers.failures import Failure, Kind
from scenario.peers.ngsiv2 import Ngsiv2
from scenario.run.results import Row
from scenario.run.samples import ClientSample, VersionSample
from scenario.run.tries import Tried, Tries, dues, percentile
from scenario.users.written import Written
from scenario.verdict.criteria import judge_hold
from scenario.verdict.evidence import Evidence
from scenario.verdict.hold import Hold
from scenario.verdict.measures import measured
from tests.support.holds import END, START, TRIGGER, changed, options, passing


@pytest.mark.parametrize(
    ("begins", "rate", "due"),
    [
        (0.0, 1, [7.0]),
        (0.3, 1, [7.3]),  # as without --rate
        (0.0, 4, [7.0, 7.25, 7.5, 7.75]),
        (0.3, 2, [7.15, 7.65]),
    ],
)
def test_dues(begins: float, rate: int, due: list[float]) -> None:
    assert dues(7, begins, rate) == pytest.approx(due)


def test_the_schedule_of_seconds_is_one() -> None:
    moments = [due for second in range(5, 8) for due in dues(second, 0.3, 100)]
    assert [after - before for before, after in pairwise(moments)] == pytest.approx([0.01] * 299)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.5, None), ([7], 0.99, 7), ([1, 2, 3, 4], 0.5, 2), (range(1, 101), 0.99, 99), (range(1, 101), 1.0, 100)],
)
def test_percentile(values: list[float], share: float, expected: float | None) -> None:
    assert percentile(list(values), share) == expected


def test_tries_of_a_second() -> None:
    tries = Tries.of(
        [Tried(4.0, None, 0.2), Tried(2000.0, Failure(Kind.NO_ANSWER, "no answer"), 31.0), Tried(2.0), Tried(3.0)]
    )
    assert (tries.count, tries.nok, tries.late) == (4, 1, 31.0)
    assert (tries.p50, tries.p99, tries.slowest) == (3.0, 4.0, 4.0), "of the right ones"
    assert Tries.of([Tried(1.0), Tried(2.0)]).errors == (), "nothing to tell of"
    nothing = Tries.of([Tried(1.0, Failure(Kind.OTHER, "x"))])
    assert (nothing.p50, nothing.p99, nothing.slowest) == (None, None, None)


def test_tries_of_a_worker_are_checked() -> None:
    sample = {"second": 1, "at": 1.0, "tries": {"latencies": [1.0, 2.0], "errors": ["x"]}}
    with pytest.raises(msgspec.ValidationError, match="has not as many errors as latencies"):
        msgspec.convert(sample, VersionSample)


@pytest.mark.parametrize(
    ("found", "right"),
    [
        (100, False),  # answered before the newest was sent
        (110, True),  # answered after that: it may have been stored after it
        (120, True),  # the newest that the broker said it took
        (125, True),  # never answered, sent later
        (115, True),  # never answered, sent before
        (90, False),  # unknown
    ],
)
def test_what_a_query_may_find(found: int, right: bool) -> None:
    written = Written()
    for number in (100, 110, 115, 120, 125):
        written.sent(number)
    written.was_answered(100, 105.0)
    written.was_taken(100)
    written.was_answered(120, 124.0)
    written.was_taken(120)
    concurrent = written.concurrent
    written.was_answered(110, 126.0)  # while the query is under way
    written.was_taken(110)
    body = f'[{{"number": {{"type": "Text", "value": "{found}"}}}}]'
    broker = Ngsiv2("http://localhost:1026", "facts", "/client")
    assert (not broker.query_error(Answer(200, {}, body), concurrent.newest, concurrent)) == right


def test_updates_of_long_ago_are_forgotten_unless_they_may_still_come() -> None:
    written = Written()
    for number in range(1_000, 100_000, 100):
        written.sent(number)
        if number != 5_000:
            written.was_answered(number, number + 5.0)
    assert len(written.answered) < 120
    assert 5_000 in written.concurrent


RATE = 20


def tried(row: Row, latencies: Sequence[float] = (), late: float = 0.1, update_error: str = "") -> Row:
    """Return a row with all its tries: of 4 ms, 2 ms more with something held, and the last one of twice that."""
    ms = 4.0 + 2.0 * (row.since_trigger >= 1)
    tries = Tries(tuple(latencies or [*[ms] * (RATE - 1), 2 * ms]), late=late)
    spoilt = replace(tries, errors=(update_error, *[""] * (tries.count - 1))) if update_error else tries
    assert row.healthy
    return replace(
        row,
        version=VersionSample(row.second, row.at, 2 * ms, "", tries),
        client=ClientSample(row.second, row.at, 2 * ms, update_error, 2 * ms, "", spoilt, tries),
        healthy=replace(row.healthy, latencies=tries.latencies),
    )


def at_rate(change: Callable[[Row], Row] = tried) -> Hold:
    return replace(changed(passing(), change), options=options(rate=RATE, healthy=10, max_nok=1))


ROWS = END - START + 1


@pytest.mark.parametrize(
    ("hold", "outcome", "reason"),
    [
        (at_rate(), "PASS", f"version: p99 8 ms at rest, 12 ms with 100 held, of {ROWS * RATE} tries"),
        (at_rate(), "PASS", f"query: p99 8 ms at rest, 12 ms with 100 held, of {ROWS * RATE} tries"),
        (
            at_rate(),
            "PASS",
            f"healthy subscribers: p99 8 ms at rest, 12 ms with 100 held, of {ROWS * RATE} notifications",
        ),
        (
            at_rate(lambda row: tried(row, update_error="HTTP 500" if row.second == 1009 else "")),
            "PASS",
            f"update: p99 8 ms at rest, 12 ms with 100 held, of {ROWS * RATE} tries, 1 of them NOK",
        ),
        (
            at_rate(lambda row: tried(row, update_error="HTTP 500" if row.second > 1009 else "")),
            "FAIL",
            "update: 11 of 21 rows NOK (11 x HTTP 500), the first at second 7",
        ),
        (
            at_rate(lambda row: tried(row, late=75.0 if row.second == 1009 else 0.2)),
            "PASS",
            "rate: this host sent tries up to 75 ms late, which their latencies contain",
        ),
        (
            at_rate(lambda row: tried(row, [5.0] * (RATE - 2))),
            "INCONCLUSIVE",
            f"version: {ROWS * (RATE - 2)} of {ROWS * RATE} tries were sent: this host was too busy for --rate",
        ),
        (
            changed(at_rate(), lambda row: tried(row, [12_345.0] * RATE) if row.since_trigger > 0 else row),
            "PASS",
            f"query: p99 8 ms at rest, 12.3 s with 100 held, of {ROWS * RATE} tries",
        ),
        (
            changed(at_rate(), lambda row: replace(row, connections=None)),
            "INCONCLUSIVE",
            f"query: p99 8 ms at rest, 12 ms after the update, of {ROWS * RATE} tries",
        ),
    ],
)
def test_verdict(hold: Hold, outcome: str, reason: str) -> None:
    judged = judge_hold(hold)
    assert reason in judged.reasons or any(text.startswith(f"{reason},") for text in judged.reasons), judged.reasons
    assert judged.outcome == outcome, judged.reasons


def test_with_a_rate_of_1_nothing_of_it_is_there() -> None:
    judged = judge_hold(passing())
    assert not any("p99" in text or text.startswith("rate") for text in judged.reasons)
    assert columns_of(options()) == columns_of(options(rate=2))[: -len(TRIES_COLUMNS)]


def test_figures_are_of_all_tries() -> None:
    figures = measured(Evidence.of(at_rate()))
    after = [6.0] * (RATE - 1) + [12.0]
    assert [figures[f"version_{name}"] for name in ("p50", "p95", "p99", "max")] == [6.0, 6.0, 12.0, 12.0]
    assert percentile(after * (END - TRIGGER), 0.95) == 6.0
    assert figures["version_rows"] == END - TRIGGER + 1


def test_columns() -> None:
    row = next(row for row in at_rate(lambda row: tried(row, update_error="x")).rows if row.since_trigger == 5)
    values = dict(zip(names(TRIES_COLUMNS), cells(TRIES_COLUMNS, row), strict=True))
    assert [values[f"version_{name}"] for name in ("tries", "nok_tries", "p50_ms", "p99_ms", "max_ms")] == [
        *(RATE, 0, 6.0, 12.0, 12.0)
    ]
    assert values["update_nok_tries"] == 1
    assert cells(TRIES_COLUMNS, passing().rows[0]) == [None] * len(TRIES_COLUMNS)


@pytest.mark.parametrize(
    ("beside", "short", "outcome", "reason"),
    [
        (lambda row: 9, 0, "PASS", "held: 100 of 100 at one time"),
        (lambda row: 9 * (row.since_trigger < 0), 0, "PASS", "held: 100 of 100 at one time"),
        (lambda row: 9 * (row.since_trigger >= 0), 5, "FAIL", "held: 95 of 100 at one time"),
        (
            lambda row: 60 * (row.since_trigger >= 0),
            50,
            "PASS",
            "held: 100 of 100 at one time",
        ),  # no listener took them
    ],
)
def test_healthy_notifications_under_way_are_not_held(
    beside: Callable[[Row], int], short: int, outcome: str, reason: str
) -> None:
    def change(row: Row) -> Row:
        assert row.connections
        assert row.connections.to_listeners is not None
        assert row.listener
        held = max(0, row.connections.to_listeners - short)
        connections = replace(row.connections, to_listeners=held + beside(row))
        return replace(tried(row), connections=connections, listener=replace(row.listener, held=held))

    judged = judge_hold(at_rate(change))
    assert any(text.startswith(reason) for text in judged.reasons), judged.reasons
    assert judged.outcome == outcome, judged.reasons
