"""HTTP as the listener takes it, over real sockets: well-formed, split, pipelined, and 2,000 times malformed."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.listener import NOTIFICATION, Listener, read_all, read_answer, start
from tests.support.processes import Processes

GET = b"GET /any HTTP/1.1\r\nHost: l\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: l\r\nTransfer-Encoding: chunked\r\n\r\n"
MIB = 1024 * 1024
RELAXED = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    """One listener without delay for all tests of this file: none of them may leave it worse than before."""
    processes = Processes(tmp_path_factory.mktemp("listener"))
    yield start(processes, "-timeout", "20s")
    processes.close()


def ask(listener: Listener, data: bytes) -> bytes:
    """Send `data`, say that this is all, return everything that comes back."""
    with listener.connect(data) as peer:
        peer.shutdown(socket.SHUT_WR)
        return read_all(peer)


def statuses(answers: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", answers)]


def test_a_kept_alive_connection_carries_several_notifications(listener: Listener) -> None:
    received = listener.stats()["received"]
    with listener.connect() as peer:
        for _ in range(5):
            peer.sendall(NOTIFICATION)
            answer = read_answer(peer)
            assert b"\r\nContent-Length: 2\r\n" in answer
            assert b"Connection:" not in answer
    assert listener.stats()["received"] == received + 5


def test_pipelined_requests_are_answered_one_by_one(listener: Listener) -> None:
    assert statuses(ask(listener, (NOTIFICATION + GET) * 50)) == [200] * 100


def test_a_request_in_single_bytes(listener: Listener) -> None:
    with listener.connect() as peer:
        for byte in NOTIFICATION:
            peer.sendall(bytes([byte]))
            time.sleep(0.002)
        read_answer(peer)


ONES = [
    NOTIFICATION,
    GET,
    b"\r\n" + GET,
    CHUNKED + b"3\r\nabc\r\n1;x=y\r\nd\r\n0\r\nTrailer: t\r\n\r\n",
    CHUNKED + b"0\r\n\r\n",
    b"HEAD /notify?x=1 HTTP/1.1\r\nhOST:l\r\n\r\n",
    b"PUT http://l/ HTTP/1.1\r\nHost: l\r\ncontent-length:   5  \r\n\r\n\r\n\r\n\n",
]


@given(requests=st.lists(st.sampled_from(ONES), min_size=1, max_size=6), cuts=st.lists(st.integers(0, 400), max_size=6))
@settings(RELAXED, max_examples=150)
def test_requests_split_anywhere(listener: Listener, requests: list[bytes], cuts: list[int]) -> None:
    data = b"".join(requests)
    ends = sorted({*(min(cut, len(data)) for cut in cuts), len(data)})
    with listener.connect() as peer:
        begin = 0
        for end in ends:
            peer.sendall(data[begin:end])
            begin = end
            time.sleep(0.001)
        peer.shutdown(socket.SHUT_WR)
        assert statuses(read_all(peer)) == [200] * len(requests)


def test_head_gets_no_body(listener: Listener) -> None:
    answer = ask(listener, GET.replace(b"GET", b"HEAD"))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\nContent-Length: 2\r\n\r\n")


@pytest.mark.parametrize("framing", [b"Content-Length: 5\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"])
def test_expect_100_continue(listener: Listener, framing: bytes) -> None:
    body = b"12345" if b"Length" in framing else b"5\r\n12345\r\n0\r\n\r\n"
    with listener.connect(b"POST / HTTP/1.1\r\nHost: l\r\nExpect: 100-continue\r\n" + framing) as peer:
        assert peer.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.sendall(body)
        assert read_answer(peer).startswith(b"HTTP/1.1 200 OK\r\n")


def test_no_100_continue_for_a_body_that_is_there(listener: Listener) -> None:
    data = b"POST / HTTP/1.1\r\nHost: l\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx"
    assert statuses(ask(listener, data)) == [200]


@pytest.mark.parametrize(
    ("request_line", "headers", "connection", "kept"),
    [
        (b"GET / HTTP/1.1", b"Host: l\r\n", b"", True),
        (b"GET / HTTP/1.1", b"Host: l\r\nConnection: x, Close\r\n", b"close", False),
        (b"GET / HTTP/1.0", b"", b"close", False),
        (b"GET / HTTP/1.0", b"Connection: Keep-Alive\r\n", b"keep-alive", True),
    ],
)
def test_who_keeps_alive(
    listener: Listener, request_line: bytes, headers: bytes, connection: bytes, kept: bool
) -> None:
    with listener.connect(request_line + b"\r\n" + headers + b"\r\n") as peer:
        answer = read_answer(peer)
        assert re.findall(rb"Connection: (.*)\r\n", answer) == ([connection] if connection else [])
        if kept:
            peer.sendall(GET)
            read_answer(peer)
        else:
            assert peer.recv(1) == b""


@pytest.mark.parametrize(("option", "closes"), [("-close", True), ("--close=true", True), ("-close=false", False)])
def test_close_closes_after_the_answer(processes: Processes, option: str, closes: bool) -> None:
    with start(processes, option).connect(NOTIFICATION) as peer:
        assert (b"\r\nConnection: close\r\n" in read_answer(peer)) == closes
        peer.settimeout(0.3)
        if closes:
            assert peer.recv(1) == b""
        else:
            with pytest.raises(TimeoutError):
                peer.recv(1)


BAD = {
    b"nonsense\r\n\r\n": 400,
    b"GET / HTTP/1.1\nHost: l\n\n": 400,
    b"GET / HTTP/2.0\r\nHost: l\r\n\r\n": 400,
    b"GET  / HTTP/1.1\r\nHost: l\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nHost: l\r\nno colon\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nHost: l\r\nName : x\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nHost: l\r\nX: a\r\n folded\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nHost: l\r\nX: \0\r\n\r\n": 400,
    b"POST / HTTP/1.1\r\nHost: l\r\nContent-Length: -1\r\n\r\n": 400,
    b"POST / HTTP/1.1\r\nHost: l\r\nContent-Length: \r\n\r\n": 400,
    b"POST / HTTP/1.1\r\nHost: l\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n": 400,
    b"POST / HTTP/1.1\r\nHost: l\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n": 400,
    b"POST / HTTP/1.1\r\nHost: l\r\nTransfer-Encoding: gzip\r\n\r\n": 501,
    b"POST / HTTP/1.1\r\nHost: l\r\nExpect: miracles\r\n\r\n": 417,
    CHUNKED + b"x\r\n": 400,
    CHUNKED + b"-1\r\n": 400,
    CHUNKED + b"1\r\nab\r\n": 400,
    CHUNKED + b"1\n": 400,
    CHUNKED + b"0\r\n" + b"Trailer: long\r\n" * 5000: 431,
    CHUNKED + b"1;" + b"x" * 70000: 400,
    b"POST / HTTP/1.1\r\nHost: l\r\nContent-Length: 1048577\r\n\r\n": 413,
    b"POST / HTTP/1.1\r\nHost: l\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n": 413,
    CHUNKED + b"fffffffffffffff\r\n": 413,
    CHUNKED + b"80000\r\n" + b"x" * 0x80000 + b"\r\n80001\r\n": 413,
    b"GET / HTTP/1.1\r\nHost: l\r\nX: " + b"x" * 65536: 431,
    b"GET /" + b"x" * 65536: 431,
}


@pytest.mark.parametrize("data", BAD, ids=lambda data: repr(data[:60]))
def test_bad_requests_are_refused_and_closed(listener: Listener, data: bytes) -> None:
    rejected = listener.stats()["rejected"]
    with listener.connect(NOTIFICATION + data) as peer:
        assert statuses(read_all(peer)) == [200, BAD[data]]
    assert listener.stats()["rejected"] == rejected + 1


@pytest.mark.parametrize(
    "data",
    [
        b"POST / HTTP/1.1\r\nHost: l\r\nContent-Length: 1048576\r\n\r\n" + b"x" * MIB,
        CHUNKED + b"100000\r\n" + b"x" * MIB + b"\r\n0\r\n\r\n",
        CHUNKED + b"1\r\nx\r\n" * 50000 + b"0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: l\r\nX: " + b"x" * 65000 + b"\r\n\r\n",
    ],
    ids=["length", "one chunk", "small chunks", "header"],
)
def test_large_requests_within_the_limits(listener: Listener, data: bytes) -> None:
    assert statuses(ask(listener, data + GET)) == [200, 200]


def test_a_refusal_arrives_although_the_body_is_still_being_sent(listener: Listener) -> None:
    with listener.connect(b"POST / HTTP/1.1\r\nHost: l\r\nContent-Length: 2000000\r\n\r\n") as peer:
        peer.sendall(b"x" * 100_000)
        time.sleep(0.1)
        peer.sendall(b"x" * 100_000)
        assert statuses(read_all(peer)) == [413]


def test_an_answer_arrives_although_more_was_sent(listener: Listener) -> None:
    with listener.connect(b"GET / HTTP/1.0\r\n\r\n" + GET * 5000) as peer:
        assert statuses(read_all(peer)) == [200]


WORDS = [*ONES, *(data for data in BAD if len(data) < 200)]
PIECES = st.one_of(
    st.binary(max_size=20),
    st.sampled_from([b"\r\n", b"\n", b"\0", b":", b" ", b"HTTP/1.1", b"Content-Length: 9" + b"9" * 30, b"\xff"]),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A request with a few bytes replaced by others."""
    data = draw(st.sampled_from(WORDS))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(PIECES) + data[at + draw(st.integers(0, 12)) :]
    return data


def throw_at(listener: Listener, examples: int) -> int:
    """Send so many malformed inputs; return how many of them got no `200`."""
    bad = 0

    @settings(RELAXED, max_examples=examples)
    @given(st.one_of(st.binary(max_size=200), damaged()))
    def throw(data: bytes) -> None:
        nonlocal bad
        answers = ask(listener, data)
        assert answers == b"" or answers.startswith(b"HTTP/1.1 ")
        assert 500 not in statuses(answers)
        bad += set(statuses(answers)) != {200}

    throw()
    return bad


def at_rest(listener: Listener) -> tuple[int, int]:
    """Return resident bytes and open descriptors once every connection is gone, the one that asked included."""
    listener.wait_until(open=1, held=0)
    time.sleep(0.6)
    process = psutil.Process(listener.process.pid)
    return process.memory_info().rss, process.num_fds()


def test_malformed_input_neither_crashes_nor_leaks(listener: Listener) -> None:
    throw_at(listener, 300)  # everything that is allocated once
    memory, descriptors = at_rest(listener)
    assert throw_at(listener, 3500) >= 2000
    memory_after, descriptors_after = at_rest(listener)
    assert descriptors_after == descriptors
    assert memory_after - memory < MIB
    lines = listener.process.output.splitlines()[2:]
    assert [line for line in lines if not re.fullmatch(r"Received  \d+ Rate \S+ r/s", line)] == []
