"""Slow in more ways than one: what each path does, on real sockets."""

from __future__ import annotations

import socket
import time

import pytest

from tests.support.listener import Listener, close_all, notification, read_all, read_answer, start
from tests.support.processes import Processes


def notify(listener: Listener, path: str, number: int = 1) -> list[socket.socket]:
    return [listener.connect(notification(subscription, path=path)) for subscription in range(number)]


def wait_for_path(listener: Listener, path: str, held: int, received: int) -> None:
    """Wait until /-/stats tells exactly this of one path, and of no other."""
    listener.wait_until(paths={path: {"held": held, "received": received}}, held=held, received=received)


@pytest.fixture
def slow(processes: Processes) -> Listener:
    return start(processes, "-delay", "1s")


def test_random_delays_are_spread_over_the_delay(processes: Processes) -> None:
    listener = start(processes, "-delay", "2s")
    peers, begun = notify(listener, "/notify/random", 300), time.monotonic()
    for _ in range(3):
        time.sleep(0.4)
        assert listener.stats()["received"] / 300 == pytest.approx((time.monotonic() - begun) / 2, abs=0.2)
    listener.wait_until(received=300)
    for peer in peers:
        read_answer(peer)
    close_all(peers)


def test_a_random_delay_can_be_released(processes: Processes) -> None:
    listener = start(processes, "-delay", "1h")
    peers = notify(listener, "/notify/random", 20)
    peers[0].close()
    wait_for_path(listener, "/notify/random", 19, 0)
    assert listener.release() == 19
    for peer in peers[1:]:
        read_answer(peer)
    close_all(peers)


def test_those_with_a_random_delay_that_leave_are_forgotten(slow: Listener) -> None:
    for _ in range(3):
        close_all(notify(slow, "/notify/random", 200))
    slow.wait_until(held=0, open=1)
    peers = notify(slow, "/notify/random", 50)
    assert slow.wait_until(timeout=3, held=0)["received"] >= 50
    for peer in peers:
        read_answer(peer)
    close_all(peers)


def test_never_an_answer(processes: Processes) -> None:
    listener = start(processes)  # no delay
    (peer,) = notify(listener, "/notify/never")
    wait_for_path(listener, "/notify/never", 1, 0)
    peer.settimeout(0.5)
    with pytest.raises(TimeoutError):
        peer.recv(1)
    assert listener.release() == 1
    assert peer.recv(1) == b""
    wait_for_path(listener, "/notify/never", 0, 1)


def test_a_byte_per_second(slow: Listener) -> None:
    (peer,) = notify(slow, "/notify/dribble")
    begun, moments = time.monotonic(), []
    for byte in b"HTT":
        assert peer.recv(100) == bytes([byte])
        moments.append(time.monotonic() - begun)
    assert moments == pytest.approx([1, 2, 3], abs=0.4)
    wait_for_path(slow, "/notify/dribble", 1, 0)
    assert slow.release("?close") == 1
    answer = b"HTT" + read_all(peer)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain")
    assert answer.endswith(b"\r\nContent-Length: 2\r\n\r\nOK")
    wait_for_path(slow, "/notify/dribble", 0, 1)


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_dribbled_answer_ends(processes: Processes) -> None:
    listener = start(processes)
    with listener.connect(b"POST /notify/dribble HTTP/1.1\r\nHost: l\r\n\r\n" * 2) as peer:
        peer.settimeout(5)
        read_answer(peer)
        wait_for_path(listener, "/notify/dribble", 1, 1)  # the next one


def test_closed_after_the_delay_without_an_answer(slow: Listener) -> None:
    begun = time.monotonic()
    (peer,) = notify(slow, "/notify/hangup")
    wait_for_path(slow, "/notify/hangup", 1, 0)
    assert peer.recv(1) == b""
    assert 0.9 < time.monotonic() - begun < 2
    wait_for_path(slow, "/notify/hangup", 0, 1)


def test_closed_at_once_without_an_answer(slow: Listener) -> None:
    begun = time.monotonic()
    (peer,) = notify(slow, "/notify/close")
    assert peer.recv(1) == b""
    assert time.monotonic() - begun < 0.5
    wait_for_path(slow, "/notify/close", 0, 1)


def test_reset(slow: Listener) -> None:
    begun = time.monotonic()
    (peer,) = notify(slow, "/notify/reset")
    with pytest.raises(ConnectionResetError):
        peer.recv(1)
    assert time.monotonic() - begun < 0.5
    wait_for_path(slow, "/notify/reset", 0, 1)


def test_an_error(slow: Listener) -> None:
    begun = time.monotonic()
    (peer,) = notify(slow, "/notify/500")
    assert read_all(peer).startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert time.monotonic() - begun < 0.5
    wait_for_path(slow, "/notify/500", 0, 1)


def test_a_full_listen_queue(processes: Processes) -> None:
    listener = start(processes, "-deaf", 0, "-delay", "1m")
    port = int(listener.process.wait_for(r"^deaf on .*:(\d+)$")[1])
    for _ in range(3):
        with pytest.raises(TimeoutError):
            socket.create_connection(("127.0.0.1", port), timeout=0.3)
    listener.hold(3)  # the others go on


@pytest.mark.parametrize("value", ["8091-8092", "x", "65536", ""])
def test_one_deaf_port(processes: Processes, value: str) -> None:
    process = processes.start("python", "-m", "listener", "-port", 0, f"-deaf={value}")
    assert process.wait() == 2
    assert "-deaf" in process.output


def test_a_deaf_port_in_use(processes: Processes) -> None:
    port = start(processes).ports[0]
    process = processes.start("python", "-m", "listener", "-port", 0, "-deaf", port)
    assert process.wait() == 1
    assert process.output == f"listener: cannot listen on *:{port} (-host, -deaf): address already in use\n"


@pytest.mark.parametrize("path", ["/notify", "/", "/notify/", "/other", "/notifynever", "/healthyish", "*"])
def test_any_other_path_is_the_slow_one(processes: Processes, path: str) -> None:
    listener = start(processes, "-delay", "1m")
    with listener.connect(notification(1, path=path)):
        wait_for_path(listener, "/notify", 1, 0)


@pytest.mark.parametrize("path", ["/notify/never/3", "/notify/never/a/b?c=d", "/notify/never?", "/notify/never/"])
def test_a_path_has_what_is_below_it(processes: Processes, path: str) -> None:
    listener = start(processes, "-delay", "1m")
    with listener.connect(notification(1, path=path)):
        wait_for_path(listener, "/notify/never", 1, 0)


def test_a_mix_over_processes(processes: Processes) -> None:
    listener = start(processes, "-delay", "1m", "-processes", 3)
    kinds = ["/notify", "/notify/random", "/notify/never", "/notify/dribble"]
    peers = [peer for path in kinds for peer in notify(listener, path, 25)]
    stats = listener.wait_until(held=100)
    assert stats["paths"] == {path: {"held": 25, "received": 0} for path in kinds}
    assert stats["notified"] == {"update": 1, "notifications": 100, "subscriptions": 25, "doubled": 25, "forgotten": 0}
    assert listener.release() == 100
    listener.wait_until(held=0, received=100)
    close_all(peers)
