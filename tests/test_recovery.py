"""What became of the broker after its listeners answered: reported only if it was seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scenario.run.records import IdleClients
from scenario.run.results import Row
from scenario.verdict.evidence import Evidence
from scenario.verdict.hold import Hold
from scenario.verdict.recovery import recovery
from tests.support.holds import changed, passing

LET_GO = 12  # the second of the first row without them


def after(**fields: object) -> Hold:
    """Return a passing hold whose connection samples have other figures since the listeners answered."""
    return changed(passing(), lambda row: with_figures(row, **fields) if row.since_trigger >= LET_GO else row)


def with_figures(row: Row, **fields: object) -> Row:
    assert row.connections
    return replace(row, connections=replace(row.connections, **fields))  # type: ignore[arg-type]


def remarks(hold: Hold) -> list[str]:
    return [f"recovery: {text}" for text in recovery(Evidence.of(hold))]


def test_back_at_rest() -> None:
    kept = "100 CLOSE_WAIT kept: libcurl closes them at a worker's next use"
    assert remarks(passing()) == [
        f"recovery: back at rest at second 12, 12 established (12 before), {kept}",
        "recovery: fds 300 to 300; threads 1 to 1; RSS 100 to 100 MB in the 5 s since",
    ]


def test_nothing_kept() -> None:
    assert remarks(after(close_wait=0))[0] == "recovery: back at rest at second 12, 12 established (12 before)"


def test_idle_clients_are_not_the_brokers() -> None:
    let_go = replace(passing(), progress=replace(passing().progress, idle=IdleClients(1006.5, 10, 10, 1014.0)))
    gone = changed(let_go, lambda row: with_figures(row, established=12) if row.since_trigger >= LET_GO else row)
    assert "12 established (12 before)" in remarks(gone)[0]


@pytest.mark.parametrize(("last", "words"), [(105, "RSS 100 to 105 MB in"), (106, "RSS 100 to 106 MB (kept growing)")])
def test_growth(last: int, words: str) -> None:
    rows = passing().rows
    grown = [*rows[:-1], with_figures(rows[-1], rss=last * 10**6)]
    assert words in remarks(replace(passing(), rows=grown))[1]


def test_what_nobody_counted_is_left_out() -> None:
    assert remarks(after(rss=None, fds=None))[1] == "recovery: threads 1 to 1 in the 5 s since"


def test_one_row_tells_of_no_growth() -> None:
    hold = passing()
    assert len(remarks(replace(hold, rows=[row for row in hold.rows if row.since_trigger <= LET_GO]))) == 1


def test_held_to_the_end() -> None:
    hold = passing()
    assert remarks(replace(hold, rows=[row for row in hold.rows if row.since_trigger < LET_GO])) == []


def test_answered_but_kept_open() -> None:
    assert remarks(after(established=122, to_listeners=100)) == [
        "recovery: not seen; all is answered, and 100 connections are kept by listener and broker"
    ]


def test_never_held() -> None:
    assert remarks(changed(passing(), lambda row: with_figures(row, established=12, to_listeners=None))) == []


def test_never_counted() -> None:
    assert remarks(changed(passing(), lambda row: replace(row, connections=None))) == []


def test_another_process_has_its_own_rest() -> None:
    assert remarks(after(process="2 started 2")) == []
