"""A proxy before the broker, like a PEP or an ingress: it ends TLS, checks a token, or redirects requests."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket

import requests

_HOP_BY_HOP = {"connection", "host", "keep-alive", "transfer-encoding", "content-length", "content-encoding"}


@dataclass
class Asked:
    """A received request: method and path, token, whether the client showed a certificate."""

    what: str
    token: str | None
    certified: bool = False


@dataclass
class Rules:
    """What the proxy does; `tokens` are those that it takes as X-Auth-Token, none: it wants none.

    A request that begins with one of `moved`, such as "POST /v2/op", is sent to /elsewhere.
    """

    broker: str
    tls: ssl.SSLContext | None = None
    tokens: set[str] = field(default_factory=set)
    moved: tuple[str, ...] = ()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        proxy = self.server
        assert isinstance(proxy, Proxy)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        what, token = f"{self.command} {self.path}", self.headers.get("X-Auth-Token")
        certified = isinstance(self.connection, ssl.SSLSocket) and bool(self.connection.getpeercert())
        proxy.asked.append(Asked(what, token, certified))
        if what.startswith(proxy.rules.moved):
            self._answer(307, {"location": f"{proxy.url}/elsewhere"}, b"")  # some proxies write names of headers so
        elif proxy.rules.tokens and token not in proxy.rules.tokens:
            self._answer(401, {}, f"the token {token} is none of ours".encode())  # not wise, but seen
        else:
            sent = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
            with requests.request(
                self.command, proxy.rules.broker + self.path, data=body or None, headers=sent, timeout=10
            ) as answer:
                headers = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
                self._answer(answer.status_code, headers, answer.content)

    do_POST = do_DELETE = do_PATCH = do_GET

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


class Proxy(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1; `asked` is what came, in order."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, rules: Rules) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.rules = rules
        self.asked: list[Asked] = []
        self.url = f"http{'s' * bool(rules.tls)}://localhost:{self.server_port}"

    def finish_request(self, request: socket, client_address: object) -> None:  # type: ignore[override]
        """Shake hands in the connection's own thread, for an idle client never does."""
        try:
            tls = self.rules.tls
            super().finish_request(tls.wrap_socket(request, server_side=True) if tls else request, client_address)
        except OSError:
            request.close()

    def tokens_of(self, what: str) -> set[str | None]:
        """Return the tokens that came with the requests which begin so."""
        return {asked.token for asked in self.asked if asked.what.startswith(what)}


@contextmanager
def proxy(rules: Rules) -> Iterator[Proxy]:
    """Serve within the block."""
    with Proxy(rules) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()
