"""How many connections were held, by whichever count there is; what each cost; and what is at rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from scenario.run.records import IdleClients
from scenario.run.results import Row
from scenario.run.samples import ListenerSample
from scenario.verdict.evidence.held import Held, at_rest, established, per_notification
from scenario.verdict.hold import Hold
from tests.support.holds import TRIGGER, changed, counted_by_then, options, passing


def counted(**fields: int | Callable[[Row], int | None] | None) -> Hold:
    """Return a passing hold with other figures in its connection samples: a value, or what makes one of the row."""

    def change(row: Row) -> Row:
        assert row.connections
        figures = {name: field(row) if callable(field) else field for name, field in fields.items()}
        return replace(row, connections=replace(row.connections, **figures))  # type: ignore[arg-type]

    return changed(passing(), change)


def most(hold: Hold) -> int | None:
    return Held(hold).most


def test_rows_since_the_trigger() -> None:
    seconds = [second for _, second in Held(passing()).per_row]
    assert seconds == list(range(18))
    assert [held for held, _ in Held(passing()).per_row] == [0] + [100] * 11 + [0] * 6


def test_probes_that_come_and_go_are_not_held() -> None:
    """The version probe's own connection was counted at once: 101 of 100."""
    assert most(counted(established=lambda row: (row.established or 0) + row.second % 2)) == 100


def test_left_over_from_before_is_not_held() -> None:
    left = counted(to_listeners=lambda row: 7 + (100 if 0 < row.since_trigger < 12 else 0))
    assert most(left) == 100
    gone = counted(to_listeners=lambda row: 7 if row.since_trigger < 5 else 0)
    assert most(changed(gone, lambda row: replace(row, listener=None))) == 0


def test_a_row_that_nobody_counted_is_left_out() -> None:
    hold = counted(to_listeners=lambda row: None if row.since_trigger == 3 else 50 * (row.since_trigger > 0))
    hold = changed(hold, lambda row: replace(row, listener=None))
    assert 3 not in [second for _, second in Held(hold).per_row]
    assert most(hold) == 50


def test_where_nobody_sees_the_way_to_the_listeners_all_that_is_established_counts() -> None:
    for unseen in (None, 0):  # a proxy is in between: other addresses than the listeners'
        assert most(counted(to_listeners=unseen)) == 100, "the idle clients are not held"
    fewer = counted(to_listeners=0, established=lambda row: (row.established or 0) - 5 * (0 < row.since_trigger < 12))
    assert most(fewer) == 95


def test_what_the_listeners_never_saw_is_not_held() -> None:
    """The listener was stopped before the trigger, and the idle clients came while the connections were counted."""
    hold = changed(counted(to_listeners=0), lambda row: replace(row, listener=with_held(row, 0)))
    assert most(hold) == 0
    down = changed(hold, lambda row: row if row.since_trigger < 0 else replace(row, listener=with_held(row, None)))
    assert most(down) == 0
    uncounted = changed(counted(to_listeners=0), lambda row: replace(row, listener=with_held(row, None)))
    assert most(uncounted) == 100, "another kind of receiver, behind a proxy"


def test_what_was_answered_is_not_held_though_its_connection_is_open() -> None:
    def change(row: Row) -> Row:
        return replace(row, queue=row.queue and replace(row.queue, sent_ok=counted_by_then(row.second)[0]))

    assert most(changed(passing(), change)) == 0, "by the broker's own counters"
    uncounted = changed(passing(), lambda row: replace(row, queue=None, listener=with_held(row, 0)))
    assert most(uncounted) == 0, "by what the listeners hold"
    neither = changed(passing(), lambda row: replace(row, queue=None, listener=None))
    assert (most(neither), Held(neither).proved, Held(passing()).proved) == (100, False, True)


def test_a_listener_with_another_address_holds_what_is_established() -> None:
    assert most(counted(to_listeners=lambda row: 50 * (0 < row.since_trigger < 12))) == 100


def with_held(row: Row, held: int | None) -> ListenerSample:
    assert row.listener
    return replace(row.listener, held=held)


def test_nobody_counted() -> None:
    assert Held(changed(passing(), lambda row: replace(row, connections=None))).per_row == []
    at_rest_only = changed(passing(), lambda row: row if row.since_trigger < 0 else replace(row, connections=None))
    assert Held(at_rest_only).per_row == []
    not_at_rest = changed(passing(), lambda row: row if row.since_trigger >= 0 else replace(row, connections=None))
    assert Held(not_at_rest).per_row == [], "what was there before is not known"


def test_without_connection_info_it_is_the_listeners_count() -> None:
    blind = changed(passing(), lambda row: replace(row, connections=None))
    assert most(replace(blind, options=options(connection_info=False))) == 100
    uncounted = changed(blind, lambda row: replace(row, listener=None))
    assert Held(replace(uncounted, options=options(connection_info=False))).per_row == []


@pytest.mark.parametrize(
    ("idle", "second", "expected"),
    [
        (None, 1007, 122),
        (IdleClients(1006.5, 10), 1006, 112),
        (IdleClients(1006.5, 10), 1007, 112),
        (IdleClients(1006.5, 10, 10, 1010.0), 1009, 112),
        (IdleClients(1006.5, 10, 10, 1010.0), 1010, 122),  # they have let go
    ],
)
def test_established_but_the_idle_clients(idle: IdleClients | None, second: int, expected: int) -> None:
    hold = replace(passing(), progress=replace(passing().progress, idle=idle))
    assert established(hold, next(row for row in hold.rows if row.second == second)) == expected


def test_rest_is_the_median() -> None:
    levels = {-3: 12, -2: 13, -1: 40}
    hold = counted(established=lambda row: levels.get(row.since_trigger, 500))
    assert at_rest(hold, lambda row: row.established) == 13
    assert at_rest(hold, lambda _: None) is None
    assert at_rest(replace(hold, rows=[]), lambda _: 1) is None


def test_what_a_connection_costs() -> None:
    fds = 3  # the idle clients cost one each

    def open_files(row: Row) -> int:
        return 60 + fds * 100 * (0 < row.since_trigger < 12) + 10 * (row.second > 1006)

    assert per_notification(counted(fds=open_files).rows, 100) == fds
    unseen = counted(to_listeners=0, established=lambda row: 12 + 100 * (row.since_trigger > 0), fds=open_files)
    assert per_notification(unseen.rows, 100) == fds
    one_probe_more = counted(to_listeners=0, established=lambda row: 12 + (row.since_trigger == 2), fds=60)
    assert per_notification(one_probe_more.rows, 100) is None
    assert per_notification([row for row in passing().rows if row.second < TRIGGER], 100) is None
    assert per_notification(counted(fds=None).rows, 100) is None
    assert per_notification([], 100) is None
