"""Limits for clients of the web UI and metrics: ENTRY s to send a whole request, of at most MOST_BODY bytes.

If more than `most` clients have not sent theirs, the one that began first is disconnected. So somebody who opens
connections and says nothing takes few descriptors and locks nobody out. A larger body is answered 413, chunks 411.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from http import HTTPStatus
from typing import Any

from locust.web import WebUI

import gevent
from gevent import GreenletExit
from gevent.pywsgi import WSGIHandler, WSGIServer

ENTRY = 10.0  # s for a request, and between two requests
SENDING = 60.0  # s for a client to read an answer
MOST_BODY = 1_000_000  # bytes
MOST_ENTERING, MOST_CLIENTS = 64, 256
_STATUS = {413: "its body is too large", 411: "its body needs a Content-Length"}


class _RefusedError(ValueError):
    def __init__(self, status: int) -> None:
        super().__init__(_STATUS[status])
        self.status = HTTPStatus(status)


class _Handler(WSGIHandler):
    """Ends the greenlet of a client that takes too long, which closes its connection."""

    server: Door

    def handle(self) -> None:
        try:
            super().handle()
        finally:
            self.server.entered()

    def read_requestline(self) -> Any:
        self.server.enters()
        return super().read_requestline()

    def read_request(self, raw_requestline: str) -> Any:
        read = super().read_request(raw_requestline)
        if self.headers.get("transfer-encoding"):
            raise _RefusedError(411)
        if (self.content_length or 0) > MOST_BODY:
            raise _RefusedError(413)
        return read

    def get_environ(self) -> Any:
        environ = super().get_environ()
        try:
            environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read())
        except OSError:  # the client is gone
            raise GreenletExit from None
        self.server.entered()
        return environ

    def _handle_client_error(self, ex: Exception) -> tuple[str, bytes]:
        if not isinstance(ex, _RefusedError):
            answer: tuple[str, bytes] = super()._handle_client_error(ex)  # type: ignore[misc]
            return answer
        text = f"{ex}\n"
        head = f"HTTP/1.1 {ex.status.value} {ex.status.phrase}\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        return str(ex.status.value), f"{head}Content-Length: {len(text)}\r\n\r\n{text}".encode()

    def _sendall(self, data: bytes) -> None:
        with gevent.Timeout(SENDING, GreenletExit):
            super()._sendall(data)  # type: ignore[misc]


class Door(WSGIServer):
    """A web server with these limits. `most` clients may be without a complete request."""

    handler_class = _Handler

    def __init__(self, *arguments: Any, most: int = MOST_ENTERING, **named: Any) -> None:
        self._most = most
        self._entering: OrderedDict[Any, gevent.Timeout] = OrderedDict()
        super().__init__(*arguments, **named)

    def enters(self) -> None:
        """Start the time limit for a request of this greenlet's client."""
        self.entered()
        self._entering[gevent.getcurrent()] = gevent.Timeout.start_new(ENTRY, GreenletExit)
        if len(self._entering) > self._most:
            first, timeout = self._entering.popitem(last=False)
            timeout.close()
            first.kill(block=False)

    def entered(self) -> None:
        """End the time limit."""
        if timeout := self._entering.pop(gevent.getcurrent(), None):
            timeout.close()

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> Any:
        """Limit the time of a TLS handshake too."""
        self.enters()
        try:
            return super().wrap_socket_and_handle(client_socket, address)
        finally:
            self.entered()


def put_door(web_ui: WebUI) -> None:
    """Serve Locust's web UI through a Door. Call it before the web UI starts."""

    def start_server() -> None:
        files = {"keyfile": web_ui.tls_key, "certfile": web_ui.tls_cert}
        tls: dict[str, Any] = files if all(files.values()) else {}
        address = (web_ui.host, web_ui.port)
        web_ui.server = Door(address, web_ui.app, spawn=MOST_CLIENTS, log=None, error_log=None, **tls)
        web_ui.server.serve_forever()

    web_ui.start_server = start_server  # type: ignore[method-assign]
