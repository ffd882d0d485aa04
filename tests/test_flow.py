"""The order of a run: what happens between its phases, and after the last one."""

from __future__ import annotations

from collections.abc import Iterator

from locust.env import Environment

import pytest

from scenario.flow.flow import Flow
from scenario.flow.phases import NOBODY
from scenario.recording.recorder import Recorder
from scenario.run import events
from scenario.run.link import Link
from scenario.run.records import StillSent
from scenario.run.run import Run
from scenario.run.schedule import Clock
from tests.support.holds import options


@pytest.fixture
def flow() -> Iterator[Flow]:
    events.forget()
    environment = Environment(user_classes=[])
    environment.create_local_runner()
    yield Flow(Link(environment), Recorder(), Run(options(kind="ngsi-ld"), Clock.showing(1000.0)))
    events.forget()


def test_a_worker_that_leaves_after_the_cleanup_is_not_missed(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker was measured before: its users had nothing left to do."""
    monkeypatch.setattr(flow, "say", lambda _: None)
    flow.workers.add("gone")
    heard: list[StillSent] = []
    events.on(StillSent, lambda record, **_: heard.append(record))
    arrived = iter([100, 103, 103, 103, 103, 103])
    monkeypatch.setattr(flow, "_arrived", lambda: next(arrived))
    monkeypatch.setattr(flow, "release", lambda: 0)
    assert list(flow.quiet()) == [NOBODY] * 5
    assert heard == [StillSent(3)]
