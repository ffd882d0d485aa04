"""Asks hostile peers, in a process with gevent's patches as a run has them; prints a line of JSON for each answer.

python tests/support/hostile.py    {"case": ..., "call": ..., "text": ..., "seconds": ..., "grown": MB}
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import locust  # noqa: F401

import gevent
from gevent.server import StreamServer

from scenario.errors import StressTestError
from scenario.peers import answers, listeners
from scenario.peers.ngsiv2 import Ngsiv2

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
TOO_LONG, NO_HTTP = "its answer has more than 4 MB", "its answer is not HTTP"
ENDLESS: dict[str, tuple[bytes, bytes, str]] = {
    "body": (HEAD + b"\r\n", b"x" * 65536, TOO_LONG),
    "length": (HEAD + b"Content-Length: 3000000000\r\n\r\n", b"x" * 65536, TOO_LONG),
    "length beyond any memory": (HEAD + b"Content-Length: 99999999999999999999\r\n\r\n", b"x" * 65536, TOO_LONG),
    "chunk": (CHUNKED + b"ffffffffffffffff\r\n", b"x" * 65536, TOO_LONG),
    "chunks": (CHUNKED, b"100\r\n" + b"x" * 256 + b"\r\n", TOO_LONG),
    "line of a chunk": (CHUNKED, b"1" * 65536, NO_HTTP),
    "trailers": (CHUNKED + b"0\r\n", b"a: b\r\n" * 5000, TOO_LONG),
    "headers": (HEAD, b"a: " + b"b" * 60000 + b"\r\n", TOO_LONG),
    "status": (b"", b"x" * 65536, NO_HTTP),
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000, TOO_LONG),
}
WRONG: dict[str, tuple[bytes, str]] = {
    "compressed": (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b", "its answer is compressed"),
    "status with our words": (b"HTTP/1.1 Connection refused, timed out\r\n\r\n", NO_HTTP),
    "two lengths": (HEAD + b"Content-Length: 1, 2\r\n\r\nab", "."),
    "cut": (HEAD + b"Content-Length: 20\r\n\r\nab", "closed before the end of its answer"),
    "idna": (HEAD + b"Content-Type: text/html; charset=idna\r\nContent-Length: 2\r\n\r\n\xff\xfe", "."),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n", "redirect|HTTP 302"),
    "redirect in bytes": (b"HTTP/1.1 302 Found\r\nLocation: \xff\r\nContent-Length: 0\r\n\r\n", "redirect|HTTP 302"),
    "nested": (HEAD + b"\r\n" + b"[" * 100_000, "."),
}


DRIBBLING = {"head": b"", "headers": HEAD, "body": HEAD + b"\r\n", "chunks": CHUNKED}
CALLS: dict[str, Callable[[str], object]] = {
    "version": lambda address: Ngsiv2(f"http://{address}", "test", "/").ask_version(),
    "removal": lambda address: list(Ngsiv2(f"http://{address}", "test", "/").remove_all()),
    "release": listeners.release,
    "arrivals": lambda address: listeners.arrivals(address, ""),
}


@contextmanager
def peer(first: bytes, more: bytes = b"", pause: float = 0.0) -> Iterator[str]:
    """Answer each request with `first`, then `more` and `more`."""

    def serve(client: Any, _: Any) -> None:
        try:
            client.recv(65536)
            client.sendall(first)
            while more:
                client.sendall(more)
                gevent.sleep(pause)
        except OSError:
            pass
        finally:
            client.close()

    server = StreamServer(("127.0.0.1", 0), serve)
    server.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.stop()


def ask(case: str, name: str, first: bytes, more: bytes = b"", pause: float = 0.0) -> None:
    """Send one request to one peer, and print the result."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with peer(first, more, pause) as address:
        try:
            with gevent.Timeout(20, TimeoutError("never")):
                text = f"answered: {CALLS[name](address)}"
        except StressTestError as error:
            text = str(error)
        except Exception as error:
            text = f"unforeseen: {error!r}"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    row = {"case": case, "call": name, "text": text, "seconds": time.monotonic() - began, "grown": grown}
    print(json.dumps(row))


def main() -> None:
    """Ask all hostile peers."""
    for case, (first, more, _) in ENDLESS.items():
        for call in ("version", "removal"):
            ask(case, call, first, more)
    for case, (first, _) in WRONG.items():
        for call in CALLS:
            ask(case, call, first)
    answers.CALL_TIMEOUT, answers.PATIENCE = (0.2, 0.3), 0.5
    for case, first in DRIBBLING.items():
        for call in CALLS:
            ask(f"dribbling {case}", call, first, b"1", 0.1)


if __name__ == "__main__":
    main()
