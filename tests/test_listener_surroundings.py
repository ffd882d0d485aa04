"""The listener and what may happen around it: a broken stdout, strangers that send headers or half a request."""

from __future__ import annotations

import fcntl
import inspect
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil
import pytest

from listener.http import Rejected, parse
from tests.support.listener import NOTIFICATION, Client, close_all, read_answer, start
from tests.support.processes import ROOT, Processes

BROKER = "Fiware-Correlator: 06f29bc8-e6eb-11f1-8533-02fc00000001; cbnotif=1\r\nNgsiv2-AttrsFormat: normalized"


def full_disk() -> int:
    return os.open("/dev/full", os.O_WRONLY)


def pipe_whose_reader_left() -> int:
    reads, writes = os.pipe()
    os.close(reads)
    return writes


def pipe_that_nobody_reads() -> int:
    _, writes = os.pipe()
    os.write(writes, bytes(fcntl.fcntl(writes, fcntl.F_GETPIPE_SZ)))
    return writes


Mute = tuple[Client, "subprocess.Popen[bytes]"]


@pytest.fixture(params=[full_disk, pipe_whose_reader_left, pipe_that_nobody_reads, lambda: None])
def mute(request: pytest.FixtureRequest) -> Iterator[Mute]:
    """A listener whose stdout and stderr are broken, or closed from the start."""
    fd = request.param()
    command = [sys.executable, "-m", "listener", "-host", "127.0.0.1", "-port", "0", "-stats", "200ms", "-delay", "1s"]
    if fd is None:
        command = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *command]
    process = subprocess.Popen(command, stdout=fd, stderr=fd, cwd=ROOT, stdin=subprocess.DEVNULL)
    try:
        while not (found := psutil.Process(process.pid).net_connections("tcp")):
            assert process.poll() is None
            time.sleep(0.02)
        yield Client([found[0].laddr.port]), process
    finally:
        process.kill()
        process.wait()


def test_a_broken_stdout_stops_nothing(mute: Mute) -> None:
    listener, process = mute
    time.sleep(0.5)  # some lines
    with listener.connect(NOTIFICATION) as peer:
        read_answer(peer)
        assert eventually(lambda: listener.stats()["rate"] > 0)  # of the last 200 ms: the clock of the stats goes on
    process.terminate()
    assert process.wait(5) == 0


@pytest.mark.parametrize("size", [1, 100_000])
@pytest.mark.parametrize(
    "data",
    [
        b"Host: a" + b" " * 60_000 + b"b",
        b"Host: " + b"\t" * 60_000,
        b"Host: a\r\nConnection: " + b"," * 60_000,
        b"Host: a\r\nContent-Length: " + b"0" * 60_000,
        b"Host: a\r\n" + b"X:\r\n" * 15_000,
        b"Host: a\r\n" + b"Connection: a\r\n" * 4_000,
    ],
    ids=lambda data: repr(data[:30]),
)
def test_a_hostile_header_costs_no_more_than_its_length(size: int, data: bytes) -> None:
    data, begun = b"GET / HTTP/1.1\r\n" + data + b"\r\n\r\n", time.process_time()
    parser = parse(b"\r\n")
    next(parser)
    with suppress(StopIteration, Rejected):
        for at in range(0, len(data), size):
            parser.send(data[at : at + size])
    assert inspect.getgeneratorstate(parser) == inspect.GEN_CLOSED  # it has read to the end
    assert time.process_time() - begun < 0.4  # 2.5 s when it was quadratic


def test_a_release_wants_what_no_form_and_no_notification_can_carry(processes: Processes) -> None:
    listener = start(processes, "-delay", "1m")
    peers = listener.hold(3)
    for header in ("", "Release-Token: ", "Release-Token: 0", BROKER, "Content-Type: text/plain"):
        status, body = listener.get("/-/release", "POST", header=header)
        assert (status, b"GET /-/release" in body) == (403, True)
    assert listener.stats()["held"] == 3
    assert start(processes).token() != listener.token()
    assert listener.release() == 3
    for peer in peers:
        read_answer(peer)
    close_all(peers)


HALF = b"POST /notify HTTP/1.1\r\nHost: l\r\nX: " + b"x" * 60_000
AHEAD = NOTIFICATION + b"POST /notify HTTP/1.1\r\nHost: l\r\nX: " + b"x" * 16_000  # kept until the answer


def peek(peer: socket.socket) -> bytes:
    """Return the beginning of the answer that is there."""
    peer.setblocking(False)
    with suppress(BlockingIOError, ConnectionError):
        return peer.recv(12)
    return b""


def eventually(true: Callable[[], bool], timeout: float = 10.0) -> bool:
    """Whether it becomes true within `timeout` s."""
    end = time.monotonic() + timeout
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


@pytest.mark.parametrize(("data", "number"), [(HALF, 1500), (AHEAD, 6000)], ids=["half-read", "sent ahead"])
def test_unfinished_requests_together_have_a_limit(processes: Processes, data: bytes, number: int) -> None:
    listener = start(processes, "-delay", "1m", "-timeout", "1m")
    process = psutil.Process(listener.process.pid)
    before = process.memory_info().rss
    peers = [listener.connect(data) for _ in range(number)]
    assert eventually(lambda: b"HTTP/1.1 503" in map(peek, peers))
    assert eventually(lambda: listener.stats()["rejected"] > 0.1 * number)
    assert listener.stats()["rejected"] < 0.9 * number
    assert process.memory_info().rss - before < 110e6
    close_all(peers)
    listener.wait_until(open=1)
    with listener.connect(HALF[:100]) as peer:  # there is room again
        peer.sendall(b"\r\n\r\n")
        listener.wait_until(held=1)
