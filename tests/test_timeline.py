"""Samples joined to rows: in order, once, as soon as they are complete or their time is over; nothing is made up."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from scenario.recording.timeline import PATIENCE, Timeline
from scenario.run.results import Row
from scenario.run.samples import (
    ClientSample,
    ConnectionSample,
    DatabaseSample,
    HealthySample,
    ListenerSample,
    QueueSample,
    Sample,
    VersionSample,
)
from scenario.run.schedule import Schedule
from tests.support.holds import options

START, TRIGGER, END = 100, 102, 105
KINDS: tuple[type[Sample], ...] = get_args(Sample)
OPTIONAL: dict[str, type[Sample]] = {
    "queue_size": QueueSample,
    "connection_info": ConnectionSample,
    "client": ClientSample,
    "healthy": HealthySample,
    "pings": DatabaseSample,
}


class Joined:
    """A timeline, and what it has handed out: (row, when)."""

    def __init__(self, step: int = 1, **asked: Any) -> None:
        self.out: list[tuple[Row, float]] = []
        emit = lambda row, now: self.out.append((row, now))  # noqa: E731
        self.timeline = Timeline(options(**asked), Schedule(START, TRIGGER, END), emit, step)

    def add(self, second: int, *kinds: type[Sample], now: float = 0.0) -> list[int]:
        """Add samples of a second; return the seconds handed out so far."""
        for kind in kinds or KINDS:
            self.timeline.add(kind(second, second + 0.01), now or second + 0.5)
        return self.seconds

    @property
    def seconds(self) -> list[int]:
        return [row.second for row, _ in self.out]


def test_row_is_handed_out_when_its_last_sample_comes() -> None:
    joined = Joined()
    assert joined.add(START, *KINDS[:-1]) == []
    assert joined.add(START, KINDS[-1], now=100.7) == [START]
    row, now = joined.out[0]
    assert now == 100.7
    assert (row.second, row.since_trigger, row.phase, row.step) == (START, -2, "baseline", 1)
    measured = (row.version, row.queue, row.connections, row.listener, row.client, row.healthy, row.database)
    assert [type(sample) for sample in measured] == [*KINDS]
    assert joined.timeline.rows == [row]


def test_rows_come_in_the_order_of_their_seconds() -> None:
    joined = Joined()
    assert joined.add(102) == []
    assert joined.add(101) == [], "100 may still come"
    assert joined.add(100) == [100, 101, 102]


@pytest.mark.parametrize("without", [*([option] for option in OPTIONAL), list(OPTIONAL)])
def test_what_nobody_measures_is_not_waited_for(without: list[str]) -> None:
    joined = Joined(**{option: 0 if option == "healthy" else False for option in without})
    first, *others = [kind for kind in KINDS if kind not in [OPTIONAL[option] for option in without]]
    assert joined.add(START, *others) == []
    assert joined.add(START, first) == [START]


def test_a_row_waits_for_what_is_missing_and_no_longer() -> None:
    joined = Joined()
    joined.add(START, VersionSample)
    joined.add(START + 1)
    joined.timeline.advance(START + PATIENCE - 0.01)
    assert joined.seconds == []
    joined.timeline.advance(START + PATIENCE)
    assert joined.seconds == [START, START + 1], "the one after it was complete"
    row = joined.out[0][0]
    assert row.version is not None
    assert (row.queue, row.connections, row.listener, row.client, row.healthy) == (None,) * 5


def test_second_without_a_sample_has_no_row() -> None:
    joined = Joined()
    joined.add(START + 1)
    joined.timeline.advance(START + PATIENCE)
    assert joined.seconds == [START + 1]


def test_late_sample_is_dropped() -> None:
    joined = Joined()
    joined.timeline.advance(START + PATIENCE)
    assert joined.add(START, now=START + PATIENCE) == []
    assert joined.add(START + 1) == [START + 1]
    assert joined.add(START + 1) == [START + 1], "a row comes once"


@pytest.mark.parametrize("second", [START - 1, END + 1])
def test_sample_of_another_time_is_dropped(second: int) -> None:
    joined = Joined()
    joined.add(second)
    joined.timeline.flush(200.0)
    assert joined.seconds == []
    assert not joined.timeline.complete


def test_flush_hands_out_what_has_come() -> None:
    joined = Joined()
    joined.add(START, VersionSample)
    joined.add(START + 2, ListenerSample)
    joined.timeline.flush(123.0)
    assert [(row.second, now) for row, now in joined.out] == [(START, 123.0), (START + 2, 123.0)]
    assert not joined.timeline.complete
    joined.timeline.flush(124.0)
    assert len(joined.out) == 2


def test_complete_after_its_last_row() -> None:
    joined = Joined()
    for second in range(START, END):
        joined.add(second)
    assert not joined.timeline.complete
    joined.add(END)
    assert joined.timeline.complete
    joined.timeline.advance(1e9)
    assert joined.seconds == list(range(START, END + 1))


def test_phases() -> None:
    joined = Joined(step=3)
    for second in range(START, END + 1):
        if second == 104:
            joined.timeline.update_answered = 103.2
        joined.add(second)
    assert [row.phase for row, _ in joined.out] == ["baseline"] * 2 + ["trigger"] * 2 + ["observe"] * 2
    assert {row.step for row, _ in joined.out} == {3}
