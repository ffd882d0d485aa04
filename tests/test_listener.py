"""What the listener holds: delay, order, counts, hang-ups, timeouts, `/-/stats` and `/-/release`."""

from __future__ import annotations

import itertools
import re
import socket
import statistics
import struct
import time
from collections.abc import Callable

import psutil
import pytest

from tests.support.listener import NOTIFICATION, Listener, close_all, read_all, read_answer, start
from tests.support.processes import Processes


@pytest.fixture
def holding(processes: Processes) -> Listener:
    """A listener that answers after a minute, unless told to do it before."""
    return start(processes, "-delay", "1m")


def test_answers_ok_after_the_delay(processes: Processes) -> None:
    listener = start(processes, "-delay", "500ms")
    begun = time.monotonic()
    with listener.connect(NOTIFICATION) as peer:
        assert listener.wait_until(held=1)["received"] == 0
        assert read_answer(peer).startswith(b"HTTP/1.1 200 OK\r\n")
        assert 0.5 <= time.monotonic() - begun < 1.5
        assert listener.wait_until(received=1)["held"] == 0


def test_a_delay_beyond_the_timeout_is_kept(processes: Processes) -> None:
    listener = start(processes, "-delay", "1200ms", "-timeout", "300ms")
    begun = time.monotonic()
    with listener.connect(NOTIFICATION) as peer:
        read_answer(peer)
        assert time.monotonic() - begun >= 1.2


def test_first_in_first_out(processes: Processes) -> None:
    listener = start(processes, "-delay", "1s")
    peers = []
    for _ in range(5):
        peers.append(listener.connect(NOTIFICATION))
        time.sleep(0.1)
    answered = []
    for peer in peers:
        read_answer(peer)
        answered.append(time.monotonic())
    gaps = [after - before for before, after in itertools.pairwise(answered)]
    assert statistics.median(gaps) == pytest.approx(0.1, abs=0.05)
    close_all(peers)


def test_a_burst_is_held_and_released_without_loss(holding: Listener) -> None:
    peers = holding.hold(1500, open=1501)  # and the one that asks
    assert holding.release() == 1500
    for peer in peers:
        read_answer(peer)
    assert holding.wait_until(received=1500, held=0)["rejected"] == 0
    close_all(peers)
    holding.wait_until(open=1)


def test_release_spares_what_comes_later(holding: Listener) -> None:
    assert holding.release() == 0
    with holding.connect(NOTIFICATION) as peer:
        holding.wait_until(held=1)
        peer.settimeout(0.3)
        with pytest.raises(TimeoutError):
            peer.recv(1)
        assert holding.release() == 1
        read_answer(peer)


@pytest.mark.parametrize("version", ["1.1", "1.0\r\nConnection: keep-alive"])
def test_release_can_close_what_it_answers(holding: Listener, version: str) -> None:
    notification = NOTIFICATION.replace(b"1.1", version.encode(), 1)
    with holding.connect(notification) as kept, holding.connect(notification) as closed:
        holding.wait_until(held=2)
        assert holding.release() == 2
        assert b"Connection: close" not in read_answer(kept)
        read_answer(closed)
        closed.sendall(notification)
        holding.wait_until(held=1)
        assert holding.release("?close") == 1
        answer = read_all(closed)
        assert answer.endswith(b"\r\nConnection: close\r\n\r\nOK")
        assert b"keep-alive" not in answer
        kept.sendall(notification)
        holding.wait_until(held=1)


def test_stats_answer_within_100_ms_while_holding(holding: Listener) -> None:
    peers = holding.hold(3000)
    took = []
    for _ in range(20):
        begun = time.monotonic()
        holding.stats()
        took.append(time.monotonic() - begun)
    assert statistics.median(took) < 0.1
    close_all(peers)


def _reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


@pytest.mark.parametrize("leave", [socket.socket.close, _reset, lambda peer: peer.shutdown(socket.SHUT_WR)])
def test_a_peer_that_hangs_up_is_held_no_longer(holding: Listener, leave: Callable[[socket.socket], None]) -> None:
    peers = holding.hold(10)
    for peer in peers[:9]:
        leave(peer)
    holding.wait_until(held=1, open=2, timeout=1)
    assert holding.release() == 1
    read_answer(peers[9])
    close_all(peers)


def test_a_peer_that_hangs_up_with_a_second_request_unread_is_held_no_longer(holding: Listener) -> None:
    peer = holding.connect(NOTIFICATION)
    holding.wait_until(held=1)
    peer.sendall(NOTIFICATION)
    time.sleep(0.1)
    peer.close()
    holding.wait_until(held=0, open=1, timeout=1)


def test_a_held_connection_costs_no_cpu_while_more_is_sent(holding: Listener) -> None:
    peers = holding.hold(1)
    peers[0].sendall(NOTIFICATION)  # the second request stays unread until the first is answered
    process = psutil.Process(holding.process.pid)
    before = sum(process.cpu_times()[:2])
    time.sleep(1)
    assert sum(process.cpu_times()[:2]) - before < 0.3
    holding.release()
    read_answer(peers[0])
    holding.wait_until(held=1, received=1)
    holding.release()
    read_answer(peers[0])
    close_all(peers)


def test_an_idle_connection_is_closed_after_the_timeout(processes: Processes) -> None:
    listener = start(processes, "-timeout", "500ms")
    with listener.connect() as silent, listener.connect(NOTIFICATION) as answered:
        read_answer(answered)
        begun = time.monotonic()
        assert (answered.recv(1), silent.recv(1)) == (b"", b"")
        assert 0.3 < time.monotonic() - begun < 1.5
    listener.wait_until(open=1, rejected=0)


def test_a_slow_sender_is_cut_at_the_timeout(processes: Processes) -> None:
    listener = start(processes, "-timeout", "500ms")
    begun = time.monotonic()
    with listener.connect() as peer, pytest.raises(ConnectionError):
        _send_forever(peer, b"G", pause=0.05)
    assert 0.4 < time.monotonic() - begun < 2
    listener.wait_until(open=1, rejected=1)


def test_an_idle_connection_has_the_whole_timeout_for_its_next_request(processes: Processes) -> None:
    listener = start(processes, "-timeout", "1s")
    with listener.connect(NOTIFICATION) as peer:
        read_answer(peer)
        time.sleep(0.7)
        peer.sendall(NOTIFICATION[:9])
        time.sleep(0.7)
        peer.sendall(NOTIFICATION[9:])
        read_answer(peer)


def _send_forever(peer: socket.socket, data: bytes, pause: float = 0.0) -> None:
    while True:
        peer.sendall(data)
        time.sleep(pause)


def test_timeout_0_is_none(processes: Processes) -> None:
    listener = start(processes, "-timeout", "0")
    assert listener.stats()["timeout"] == 0
    with listener.connect(NOTIFICATION[:9]) as peer:
        time.sleep(0.5)
        peer.sendall(NOTIFICATION[9:])
        read_answer(peer)


def test_stats_tell_everything(processes: Processes) -> None:
    listener = start(processes, "-delay", "1m30s", "-timeout", "250ms", limit="300:600")
    stats = listener.stats()
    assert abs(stats.pop("clock") - time.time()) < 1
    assert stats.pop("id") != start(processes).stats()["id"]
    assert stats == {
        **{
            "accepted": 1,
            "received": 0,
            "held": 0,
            "open": 1,
            "rejected": 0,
            "out_of_descriptors": 0,
            "abandoned": 0,
            "unnumbered": 0,
            "notified": None,
            "paths": {},
            "rate": 0,
        },
        **{"delay": 90, "timeout": 0.25, "limits": {"nofile_soft": 600, "nofile_hard": 600}},
    }
    listener.process.wait_for(r"^descriptor limit 600 \(soft limit was 300\)$")


def test_the_line_of_the_original(processes: Processes) -> None:
    listener = start(processes, "-stats", "500ms")
    listener.process.wait_for(r"^Received  0 Rate 0 r/s$")
    peers = [listener.connect(NOTIFICATION) for _ in range(7)]
    for peer in peers:
        read_answer(peer)
    listener.process.wait_for(r"^Received  7 Rate 0 r/s$")
    rates = re.findall(r"^Received  \d+ Rate (\d+) r/s$", listener.process.output, re.MULTILINE)
    assert sum(map(int, rates)) == 14  # 7 in half a second, in whichever interval they came
    close_all(peers)


def test_stats_0_prints_the_last_line_only(processes: Processes) -> None:
    listener = start(processes, "-stats", "0")
    time.sleep(0.3)
    assert "Received" not in listener.process.output
    assert listener.process.stop() == 0
    assert listener.process.output.endswith("\nReceived  0 Rate 0 r/s\n")


def _own_address() -> str:
    """Return an address of this host that is not a loopback one; traffic to it stays on the host all the same."""
    addresses = [entry for entries in psutil.net_if_addrs().values() for entry in entries]
    found = [entry.address for entry in addresses if entry.family in (socket.AF_INET, socket.AF_INET6)]
    other = [address for address in found if not address.startswith(("127.", "::1", "fe80"))]
    return other[0] if other else pytest.skip("this host has loopback addresses only")


def test_only_loopback_peers_administer(processes: Processes) -> None:
    listener, address = start(processes, "-delay", "1m"), _own_address()
    assert listener.get("/-/stats", host=address)[0] == 403
    assert listener.get("/-/release", "POST", host=address)[0] == 403
    assert listener.get("/-/stats", host="127.0.0.2")[0] == 200


def test_admin_any_lets_all_peers_administer(processes: Processes) -> None:
    assert start(processes, "-admin", "any").get("/-/stats", host=_own_address())[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/-/stats", 405),
        ("PUT", "/-/release", 405),
        ("POST", "/-/release", 403),
        ("GET", "/-/", 404),
        ("GET", "/-/stats?x=1", 200),
    ],
)
def test_administration_has_two_resources(holding: Listener, method: str, path: str, status: int) -> None:
    assert holding.get(path, method)[0] == status


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (("Host: localhost",), 200),
        (("Host: LOCALHOST:8090",), 200),
        (("Host: 10.1.2.3:8090",), 200),
        (("Host: [::1]:8090",), 200),
        (("Host: [fe80::1%eth0]",), 200),
        ((f"Host: {socket.gethostname()}:8090",), 200),
        (("Host: 127.0.0.1:1", "Origin: http://127.0.0.1:1"), 200),
        (("Host: evil.example",), 403),
        (("Host: evil.example", "Origin: http://evil.example"), 403),
        (("Host: localhost.evil.example",), 403),
        (("Host: 127.0.0.1.evil.example",), 403),
        (("Host: localhost@evil.example",), 403),
        (("Host: 127.1",), 403),
        (("Host: ",), 403),
        (("Host: localhost", "Origin: http://evil.example"), 403),
        (("Host: localhost", "Origin: null"), 403),
    ],
)
@pytest.mark.parametrize("request_line", ["GET /-/stats HTTP/1.1", "GET /-/release HTTP/1.0"])
def test_no_website_administers(holding: Listener, request_line: str, lines: tuple[str, ...], status: int) -> None:
    with holding.connect("\r\n".join((request_line, *lines, "Connection: close", "", "")).encode()) as peer:
        answer = read_all(peer)
    assert int(answer.split()[1]) == status
    assert (b"token" in answer) == (status == 200 and "release" in request_line)


def test_a_request_of_before_hosts_administers_nothing(holding: Listener) -> None:
    for lines in ("", "Host: localhost\r\nHost: evil.example\r\n"):
        with holding.connect(f"GET /-/release HTTP/1.0\r\n{lines}\r\n".encode()) as peer:
            assert read_all(peer).startswith(b"HTTP/1.1 403")


def test_pipelined_administration(holding: Listener) -> None:
    with holding.connect(b"GET /-/stats HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2000) as peer:
        peer.shutdown(socket.SHUT_WR)
        assert read_all(peer).count(b'"accepted": 1,') == 2000


def test_a_peer_that_never_reads_is_cut(processes: Processes) -> None:
    listener = start(processes)
    with listener.connect() as peer, pytest.raises(ConnectionError):
        _send_forever(peer, NOTIFICATION * 1000)
    listener.wait_until(open=1)
