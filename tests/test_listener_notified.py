"""Was every subscription notified once? What the listener tells of each update."""

from __future__ import annotations

import json
from typing import Any

import pytest

from listener.notified import UPDATES, number_of, subscription_of
from tests.support.listener import Listener, close_all, notification, read_answer, start
from tests.support.processes import Processes


def send(listener: Listener, *notifications: bytes) -> None:
    """Send each over its own connection, and wait for the answer."""
    for data in notifications:
        with listener.connect(data) as peer:
            read_answer(peer)


def entry(update: int, notifications: int, subscriptions: int, doubled: int) -> dict[str, int]:
    counts = {"notifications": notifications, "subscriptions": subscriptions, "doubled": doubled, "forgotten": 0}
    return {"update": update, **counts}


def of_all_updates(listener: Listener) -> Any:
    return json.loads(listener.get("/-/notified")[1])


@pytest.mark.parametrize(
    ("body", "number"),
    [
        (b'{"subscriptionId":"6b","data":[{"number":{"type":"Text","value":"17","metadata":{}}}]}', 17),
        (b'{"subscriptionId": "6b", "data": [{"number": {"value": "17", "type": "Text"}}]}', 17),
        (b'{"subscriptionId":"6b","data":[{"number":{"type":"Number","value":17,"metadata":{}}}]}', 17),
        (b'{"subscriptionId":"6b","data":[{"number":"1764079200123456"}]}', 1764079200123456),
        (b'{"subscriptionId":"6b","data":[{"number":17}]}', 17),
        (b'{"id":"urn:x","subscriptionId":"6b","data":[{"number":{"type":"Property","value":17}}]}', 17),
        (b'{"subscriptionId":"6b","data":[{"number":{"type":"Number","value":17.5,"metadata":{}}}]}', None),
        (b'{"subscriptionId":"6b","data":[{"number":{"type":"Text","value":"x17","metadata":{}}}]}', None),
        (b'{"subscriptionId":"6b","data":[{"number":{"type":"Text","value":"' + b"9" * 19 + b'"}}]}', None),
        (b'{"subscriptionId":"6b","data":[{"temperature":{"type":"Number","value":17}}]}', None),
        (b'{"subscriptionId":"6b","data":[{"number":{"metadata":{"of":{"value":1}},"value":"17"}}]}', None),
    ],
)
def test_the_number_in_a_body(body: bytes, number: int | None) -> None:
    assert number_of(body) == number
    assert subscription_of(body) == hash(b"6b")


@pytest.mark.parametrize("body", [b"", b"{", b'{"data":[]}', b'{"subscriptionId":6,"data":[]}', b"\xff" * 1000])
def test_bodies_without_a_subscription(body: bytes) -> None:
    assert subscription_of(body) is None


def test_every_subscription_is_counted_once(processes: Processes) -> None:
    listener = start(processes)
    assert listener.stats()["notified"] is None
    send(listener, *(notification(subscription) for subscription in (1, 2, 3, 2, 3, 3)))
    assert listener.stats()["notified"] == entry(1, 6, 3, 2)
    assert listener.stats()["unnumbered"] == 0


def test_the_next_update_doubles_nothing(processes: Processes) -> None:
    listener = start(processes)
    send(listener, notification(1, 1), notification(2, 1), notification(1, 2), notification(2, 2), notification(3, 1))
    assert listener.stats()["notified"] == entry(2, 2, 2, 0)
    assert of_all_updates(listener) == [entry(1, 3, 3, 0), entry(2, 2, 2, 0)]  # what came late counts where it belongs


def test_the_newest_updates_are_remembered(processes: Processes) -> None:
    listener = start(processes)
    send(listener, *(notification(1, number) for number in range(1, UPDATES + 4)), notification(2, 1))
    assert [update["update"] for update in of_all_updates(listener)] == list(range(4, UPDATES + 4))


def test_a_later_run_counts_anew(processes: Processes) -> None:
    listener = start(processes)
    send(listener, notification(1, 1764079200000001), notification(1, 1764079300000001))
    assert listener.stats()["notified"] == entry(1764079300000001, 1, 1, 0)


def test_notifications_that_do_not_tell_are_counted(processes: Processes) -> None:
    listener = start(processes)
    send(listener, b"POST / HTTP/1.0\r\n\r\n", notification(1, "x"), notification(1))
    assert listener.stats()["unnumbered"] == 2
    assert listener.stats()["notified"] == entry(1, 1, 1, 0)


def test_a_body_in_pieces(processes: Processes) -> None:
    listener = start(processes)
    head, _, body = notification(7).partition(b"\r\n\r\n")
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:20], body[20:150], body[150:]))
    chunked = b"POST / HTTP/1.1\r\nHost: l\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    send(listener, chunked)
    with listener.connect(head + b"\r\n\r\n") as peer:
        for byte in body:
            peer.sendall(bytes([byte]))
        read_answer(peer)
    large = head.replace(b"Content-Length: %d" % len(body), b"Content-Length: 900000") + b"\r\n\r\n" + body
    send(listener, large + b" " * (900_000 - len(body)))
    assert listener.stats()["notified"] == entry(1, 3, 1, 1)


@pytest.mark.parametrize("number", [1, 3])
def test_processes_count_together(processes: Processes, number: int) -> None:
    listener = start(processes, "-delay", "1m", "-processes", number)
    peers = [listener.connect(notification(subscription)) for subscription in [*range(300), *range(100)]]
    listener.wait_until(held=400)
    assert listener.stats()["notified"] == entry(1, 400, 300, 100)
    close_all(peers)
