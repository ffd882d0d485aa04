"""Who opens connections and says nothing, sends too much, or in drops, takes little and keeps nobody out."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from tests.support.processes import Process
from tests.support.rehearsal import eventually
from tests.support.stack import Stack, free_port
from tests.support.web import start_web

HALF = b"POST /login_submit HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"


@pytest.fixture
def page(stack: Stack) -> tuple[str, Process]:
    """The web UI of a stack whose parts need not run."""
    stack.broker_port = stack.inspector_port = stack.listener_port = str(free_port())
    return start_web(stack)


@pytest.mark.parametrize("begun", [b"", b"GET / HT", HALF, HALF + b"\r\nuser"], ids=["", "line", "head", "body"])
def test_half_open_requests(page: tuple[str, Process], begun: bytes) -> None:
    url, locust = page
    process = psutil.Process(locust.pid)
    address = (urlsplit(url).hostname, urlsplit(url).port)
    before = process.num_fds()
    peers = [socket.create_connection(address, timeout=10) for _ in range(300)]
    for peer in peers:
        peer.sendall(begun)
    assert requests.get(f"{url}/connections/data", timeout=5).status_code == 200
    eventually(lambda: process.num_fds() - before < 100, 5)  # those of a last batch may have to go yet
    began = time.monotonic()
    peers[-1].settimeout(20)
    assert peers[-1].recv(1) == b"", "closed"
    assert time.monotonic() - began < 15
    for peer in peers:
        peer.close()


@pytest.mark.parametrize(
    ("head", "status"),
    [("Content-Length: 100000000", b" 413 "), ("Content-Length: " + "9" * 30, b" 413 "),
     ("Transfer-Encoding: chunked", b" 411 ")],
)  # fmt: skip
def test_a_large_body_is_not_read(page: tuple[str, Process], head: str, status: bytes) -> None:
    host, port = urlsplit(page[0]).hostname, urlsplit(page[0]).port
    with socket.create_connection((host, port), timeout=10) as peer:
        peer.sendall(f"POST /login_submit HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n".encode())
        assert status in peer.recv(65536)
        assert peer.recv(1) == b"", "closed"


def test_the_form_still_gets_through(fed: Callable[..., str]) -> None:
    answer = requests.post(f"{fed()}/swarm", {"subscriptions": "x" * 100_000}, timeout=5)
    assert answer.json()["message"].startswith("--subscriptions: ")
