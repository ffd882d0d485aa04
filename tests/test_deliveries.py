"""Did every notification go out once: what the listeners reported of it, and counts that fit no single broker."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as replaced

from scenario.peers.listeners import ListenerStats, Notified, figures_of, notified_of
from scenario.run.results import Row
from scenario.verdict.criteria import judge_hold
from scenario.verdict.hold import Hold
from tests.support.holds import TRIGGER, changed, options, passing
from tests.support.surroundings import listener

UNREPORTED: dict[str, Any] = {"update": None, "notifications": None, "notified": None, "doubled": None}


def reported(**figures: Any) -> Hold:
    """Return a passing hold whose listeners reported something else from the update on."""

    def change(row: Row) -> Row:
        after = row.listener is not None and row.second > TRIGGER
        return replace(row, listener=replace(row.listener, **figures)) if after and row.listener else row

    return changed(passing(), change)


def twice(notifications: int = 100) -> Hold:
    """Return a hold of 50 subscriptions, which two updates notified, each for itself."""
    hold = reported(notified=50, notifications=notifications, doubled=50)
    progress = replace(hold.progress, created=50)
    return replace(hold, progress=progress, options=hold.options.changed(subscriptions=50, updates=2))


def queued(hold: Hold, **figures: Any) -> Hold:
    return changed(hold, lambda row: replace(row, queue=replace(row.queue, **figures)) if _late(row) else row)  # type: ignore[type-var]


def _late(row: Row) -> bool:
    return row.queue is not None and row.second > TRIGGER


@pytest.mark.parametrize(
    ("hold", "outcome", "reason"),
    [
        (passing(), "PASS", "notified: 100 of 100 subscriptions were notified once"),
        (
            reported(notified=99, notifications=99),
            "FAIL",
            "notified: 99 of 100 subscriptions were notified once, 1 were not",
        ),
        (
            queued(reported(notified=100, notifications=102, doubled=2), entered=102),
            "FAIL",
            "notified: 98 of 100 subscriptions were notified once, 2 more than once",
        ),
        (
            queued(reported(notified=90, notifications=90), backlog=7, entered=97),
            "FAIL",
            "notified: 90 of 100 subscriptions were notified once, 7 still waited for a worker at the end, 3 were not",
        ),
        (twice(), "PASS", "notified: 100 of 100 notifications were sent"),
        (twice(notifications=97), "FAIL", "notified: 97 of 100 notifications were sent, 3 were not"),
        (reported(update=7), "FAIL", "notified: 0 of 100 subscriptions were notified once, 100 were not"),
        (
            queued(passing(), entered=345),  # 21 updates of a client with 10 healthy subscribers are among them
            "INCONCLUSIVE",
            "counts: the broker says that it queued 345 notifications, and the listeners had 100",
        ),
        (
            queued(passing(), entered=30, sent_ok=30),
            "INCONCLUSIVE",
            "counts: the broker says that it queued 30 notifications, and the listeners had 100",
        ),
    ],
)
def test_row_of_the_verdict(hold: Hold, outcome: str, reason: str) -> None:
    judged = judge_hold(hold)
    assert judged.outcome == outcome, judged.reasons
    assert reason in judged.reasons
    assert "stale-cache" not in {cause.cause for cause in judged.causes}


def test_listeners_that_never_tell_are_not_judged() -> None:
    hold = changed(passing(), lambda row: replace(row, listener=replace(row.listener, **UNREPORTED)))  # type: ignore[type-var]
    judged = judge_hold(hold)
    assert judged.outcome == "PASS"
    assert not any(text.startswith("notified") for text in judged.reasons)


def test_another_process_at_the_port() -> None:
    hold = changed(passing(), lambda row: replace(row, connections=replace(row.connections, also_listening=1)))  # type: ignore[type-var]
    judged = judge_hold(hold)
    assert judged.outcome == "INCONCLUSIVE"
    assert "counts: 2 processes listen at the broker's port" in judged.reasons


@pytest.mark.parametrize(
    "hold",
    [
        # the counted one of two Orions 4.7.0 behind one name, and on one port, had few of the notifications
        queued(reported(received=100), entered=40, sent_ok=40),
        changed(passing(), lambda row: replace(row, queue=replace(row.queue, entered=100 * (row.second % 2)))),  # type: ignore[type-var]
    ],
)
def test_figures_of_two_brokers_name_no_cause_of_one(hold: Hold) -> None:
    (cause,) = judge_hold(hold).causes
    assert cause.sentence.startswith("unknown: the figures are not those of one broker"), cause


def test_notifications_of_deleted_subscriptions_are_a_stale_cache() -> None:
    hold = queued(reported(notified=200, notifications=200), entered=200)
    judged = judge_hold(hold)
    assert judged.outcome == "INCONCLUSIVE"
    assert judged.causes[0].cause == "stale-cache"


def test_those_of_a_client_are_not_counted() -> None:
    hold = queued(passing(), entered=100 + 21 * 10)
    assert judge_hold(replace(hold, options=options(healthy=10))).outcome == "PASS"


FIRST, SECOND = Notified(7, 10, 9, 1, 0), Notified(8, 5, 5, 0, 0)


@pytest.mark.parametrize(
    ("answers", "sums"),
    [
        ([], {}),
        ([None], {"update": 0, "notifications": 0, "notified": 0, "doubled": 0}),
        ([FIRST, None], {"update": 7, "notifications": 10, "notified": 9, "doubled": 1}),
        ([SECOND, SECOND], {"update": 8, "notifications": 10, "notified": 10, "doubled": 0}),
        ([FIRST, SECOND], {"update": 8, "notifications": 5, "notified": 5, "doubled": 0}),
        ([FIRST, ListenerStats.__struct_defaults__[0]], {}),  # one of them does not tell
        ([Notified(8, 5, 4, 0, 1)], {}),  # there were too many
    ],
)
def test_sums_over_listeners(answers: list[Any], sums: dict[str, int]) -> None:
    by_address = {str(number): replaced(listener(), notified=of) for number, of in enumerate(answers)}
    assert notified_of(by_address) == sums


def test_a_listener_of_several_ports_counts_once() -> None:
    one, other = (replaced(listener(), id=id, held=5, notified=SECOND) for id in ("a", "b"))
    old = replaced(listener(), held=2, notified=SECOND)  # which tells no id
    by_address = {"h:1": one, "h:2": one, "h:3": other, "h:4": old, "h:5": old}
    assert figures_of(by_address)["held"] == 5 + 5 + 2 + 2
    assert notified_of(by_address)["notified"] == 4 * SECOND.subscriptions
