"""Healthy subscribers at the listener: answered at once, each arrival reported with its latency."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from listener.arrivals import PAGE, ROWS, Arrivals
from tests.support.listener import Listener, close_all, notification, read_all, start
from tests.support.processes import Processes


def news_of(listener: Listener, position: str = "") -> Any:
    status, body = listener.get(f"/-/healthy?after={position}" if position else "/-/healthy")
    assert status == 200
    return json.loads(body)


def arrive(listener: Listener, *notifications: bytes) -> None:
    for data in notifications:  # each connection is closed after its answer
        with listener.connect(data) as peer:
            assert b"Connection: close" in read_all(peer)


def test_arrivals_are_told_once_with_their_latency(processes: Processes) -> None:
    listener = start(processes, "-delay", "1m")
    first = news_of(listener)
    assert (first["arrivals"], first["left"], first["forgotten"]) == ([], 0, 0)
    sent = time.time_ns() // 1000 - 250_000
    arrive(listener, notification(1, 7, "/healthy", sent), notification(2, 7, "/healthy/2", sent + 1))
    news = news_of(listener, first["next"])
    (update, one, sent_one, latency), (_, two, sent_two, _) = news["arrivals"]
    assert (update, sent_one, sent_two) == (7, sent, sent + 1)
    assert one != two
    assert 250_000 <= latency < 450_000  # us
    assert abs(news["clock"] - time.time()) < 1  # s
    assert news_of(listener, news["next"])["arrivals"] == []
    assert news_of(listener, first["next"])["arrivals"] == news["arrivals"]  # for who did not get the answer


def test_a_connection_that_a_slow_one_has_used_is_kept(processes: Processes) -> None:
    with start(processes, "-delay", "100ms").connect(notification(1)) as peer:
        assert b"Connection: close" not in peer.recv(1000)
        peer.sendall(notification(1, 7, "/healthy", 1))
        assert b"Connection: close" not in peer.recv(1000)
        peer.settimeout(0.3)
        with pytest.raises(TimeoutError):
            peer.recv(1)


def test_a_clock_that_is_ahead(processes: Processes) -> None:
    listener = start(processes)
    first = news_of(listener)
    arrive(listener, notification(1, 7, "/healthy", time.time_ns() // 1000 + 3_600_000_000))
    assert -3_600_000_000 <= news_of(listener, first["next"])["arrivals"][0][3] < -3_599_000_000


def test_healthy_ones_are_answered_at_once_beside_slow_ones(processes: Processes) -> None:
    listener = start(processes, "-delay", "1m")
    peers, begun = listener.hold(500), time.monotonic()
    arrive(listener, *(notification(subscription, path="/healthy") for subscription in range(10)))
    assert time.monotonic() - begun < 0.5
    stats = listener.stats()
    assert stats["paths"] == {"/notify": {"held": 500, "received": 0}, "/healthy": {"held": 0, "received": 10}}
    assert (stats["held"], stats["received"], stats["notified"]) == (500, 0, None)  # none of them is a healthy one
    close_all(peers)


def test_a_subscription_twice_is_told_twice(processes: Processes) -> None:
    listener = start(processes)
    first = news_of(listener)
    arrive(listener, *(notification(subscription, 9, "/healthy") for subscription in (1, 2, 1)))
    one, two, again = (row[1] for row in news_of(listener, first["next"])["arrivals"])
    assert (one == again, one == two) == (True, False)


def test_pages_over_processes(processes: Processes) -> None:
    listener, rows = start(processes, "-processes", 3), []
    position = news_of(listener)["next"]
    for turn in range(20):  # each connection has one of the processes
        arrive(listener, *(notification(turn * 50 + number, 3, "/healthy") for number in range(50)))
    pages = []
    while True:
        news = news_of(listener, position)
        pages.append(len(news["arrivals"]))
        rows += news["arrivals"]
        position = news["next"]
        if not news["left"]:
            break
    assert pages == [PAGE, PAGE, PAGE, 1000 - 3 * PAGE]
    assert len({row[1] for row in rows}) == 1000


def test_incomplete_ones_are_answered_all_the_same(processes: Processes) -> None:
    listener = start(processes)
    arrive(listener, b"POST /healthy HTTP/1.1\r\nHost: l\r\n\r\n", notification(1, "x", "/healthy"))
    assert listener.stats()["unnumbered"] == 2


@pytest.mark.parametrize("query", ["after=", "after=x", "after=1.", "after=-1", "before=1", "after=" + "9" * 30])
def test_a_position_that_is_none(processes: Processes, query: str) -> None:
    assert start(processes).get(f"/-/healthy?{query}")[0] == 400


def test_a_position_of_another_listener_is_the_beginning(processes: Processes) -> None:
    listener = start(processes, "-processes", 2)
    arrive(listener, notification(1, path="/healthy"))
    for position in ("5.5", "1", "0.0.0"):
        assert len(news_of(listener, position)["arrivals"]) == 1


def test_who_asks_too_late_is_told_how_many_are_forgotten() -> None:
    arrivals = Arrivals(2)
    body = notification(1).partition(b"\r\n\r\n")[2]
    for _ in range(ROWS):
        assert arrivals.note(1, body)
    news = arrivals.after([0, 0])
    assert news.forgotten == ROWS // 2 + PAGE
    assert len(news.arrivals) == PAGE
    assert news.forgotten + PAGE + news.left == ROWS
