"""When the slow receivers have answered: from then on the client's updates notify nobody."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from scenario.peers.listeners import ListenerStats
from scenario.peers.ngsiv2 import Ngsiv2
from scenario.settings.values import CLIENT_PATH
from scenario.users import slow_receivers
from scenario.users.slow_receivers import SlowReceivers
from tests.support.stack import SUBSCRIPTIONS, Stack

TRIGGER = 1000  # s
ADDRESSES = ("a:1", "b:1")


def reported(held: int, notifications: int, update: int = TRIGGER * 1000 + 3, identifier: str = "x") -> dict[str, Any]:
    notified = {
        "update": update, "notifications": notifications, "subscriptions": notifications, "doubled": 0, "forgotten": 0
    }  # fmt: skip
    counts = dict.fromkeys(("accepted", "received", "out_of_descriptors", "abandoned"), 0)
    limits = {"nofile_soft": 1024}
    return {**counts, "held": held, "delay": 1, "timeout": 1, "limits": limits, "notified": notified, "id": identifier}


@pytest.mark.parametrize(
    ("stats", "answered"),
    [
        ([reported(100, 100), None], False),
        ([reported(2, 100), None], False),
        ([reported(1, 100), None], True),  # one that was lost on the way, say
        ([reported(0, 0), None], False),  # none has come yet
        ([reported(0, 100, update=TRIGGER * 1000 - 1), None], False),  # of a cycle before
        ([None, None], False),
        ([reported(0, 50), reported(50, 50, identifier="y")], False),  # the other one has not let go
        ([reported(0, 50), reported(0, 50, identifier="y")], True),
    ],
)
def test_when(monkeypatch: pytest.MonkeyPatch, stats: list[dict[str, Any] | None], answered: bool) -> None:
    by_address = dict(zip(ADDRESSES, stats, strict=True))

    def answer(address: str) -> ListenerStats | None:
        return msgspec.convert(by_address[address], ListenerStats) if by_address[address] else None

    monkeypatch.setattr(slow_receivers, "stats", answer)
    receivers = SlowReceivers(ADDRESSES, TRIGGER)
    receivers.look()
    assert receivers.have_answered is answered


def test_a_quiet_update_leaves_out_what_the_healthy_watch() -> None:
    broker = Ngsiv2("http://x", "s", CLIENT_PATH, "f" * 32)
    (watched,) = json.loads(broker.subscribe("http://y/healthy").body)["subject"]["condition"]["attrs"]
    (loud,) = json.loads(broker.update(7.0).body)["entities"]
    (quiet,) = json.loads(broker.quiet_update(7.0).body)["entities"]
    assert loud == {**quiet, watched: loud[watched]}
    assert watched not in quiet
    assert "condition" not in json.loads(replace(broker, scope="/test").subscribe("http://y").body)["subject"]


@pytest.mark.slow
@pytest.mark.parametrize("options", [("--rate", 20), ("--processes", 2)])
def test_close_wait_stays(stack: Stack, options: tuple[str | int, ...]) -> None:
    rows = stack.ended(stack.start().locust(*options), 0)
    close_wait = [int(row["close_wait"]) for row in rows]
    assert set(close_wait[close_wait.index(SUBSCRIPTIONS) :]) == {SUBSCRIPTIONS}
