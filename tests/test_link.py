"""What joins the processes of a run: a master hears each record of its workers once, and none of another run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from locust.env import Environment

import pytest

from scenario.run import events
from scenario.run.link import Link, shares
from scenario.run.records import Seeded, Unforeseen
from scenario.run.run import Run
from scenario.run.schedule import Clock
from tests.support.holds import options


class Message(NamedTuple):
    """A worker's message, as Locust hands it to its listeners."""

    data: dict[str, Any]


class Master:
    """The link of a master without workers; `heard` is what it has published."""

    def __init__(self) -> None:
        environment = Environment(user_classes=[])
        self.receivers = environment.create_local_runner().custom_messages
        self.link = Link(environment)
        self.heard: list[object] = []
        events.on(object, lambda record, at: self.heard.append(record))

    def begin(self) -> Run:
        run = Run(options(), Clock.showing(1000.0))
        self.link.begin(run)
        return run

    def receive(self, run: str, record: dict[str, Any], kind: str = "Seeded") -> None:
        receive, _ = cast(Any, self.receivers["connections_record"])
        receive(environment=None, msg=Message({"run": run, "kind": kind, "record": record}))


@pytest.fixture
def master() -> Iterator[Master]:
    events.forget()
    yield Master()
    events.forget()


SEEDED = {"created": 3, "refused": 1, "error": "HTTP 503"}


def test_records_of_a_worker_are_published(master: Master) -> None:
    run = master.begin()
    master.receive(run.id, SEEDED)
    assert master.heard == [Seeded(3, 1, "HTTP 503")]


def test_stragglers_are_dropped(master: Master) -> None:
    before = master.begin()
    after = master.begin()
    assert before.id != after.id
    master.receive(before.id, SEEDED)
    assert master.heard == [], "of an earlier run"
    master.link.begin(None)
    master.receive(after.id, SEEDED)
    assert master.heard == [], "its run is over"


def test_nothing_is_heard_before_the_first_run(master: Master) -> None:
    master.receive("any", SEEDED)
    assert master.heard == []


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        ("Nonsense", {}),
        ("Seeded", {}),
        ("Seeded", {"created": "three", "refused": 0}),
        ("VersionSample", {"second": 1.5, "at": 1.0}),
        ("Seeded", {"created": None, "refused": 0}),
    ],
)
def test_message_of_a_wrong_shape_is_unforeseen_not_an_exception(
    master: Master, kind: str, record: dict[str, Any]
) -> None:
    master.receive(master.begin().id, record, kind)
    assert [type(heard) for heard in master.heard] == [Unforeseen]


@pytest.mark.parametrize(
    ("total", "parts", "sizes"),
    [(10, 1, [10]), (10, 3, [3, 3, 4]), (2, 3, [0, 1, 1]), (0, 2, [0, 0]), (4, 2, [2, 2])],
)
def test_shares(total: int, parts: int, sizes: list[int]) -> None:
    split = shares(total, parts)
    assert [len(share) for share in split] == sizes
    assert [number for share in split for number in share] == list(range(total)), "each once"
