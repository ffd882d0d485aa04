"""What the rehearsal's WSGI applications have in common: how they send an answer, and how the small ones are served."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

import gevent
from gevent.pywsgi import WSGIServer

Environ = dict[str, Any]
StartResponse = Callable[..., object]
Headers = list[tuple[str, str]]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


def respond(start_response: StartResponse, status: int, headers: Headers, body: bytes) -> list[bytes]:
    """Begin an answer, and return its body. Adds Content-Length, except to a 204."""
    length = [] if status == HTTPStatus.NO_CONTENT else [("Content-Length", str(len(body)))]
    start_response(f"{status} {HTTPStatus(status).phrase}", [*headers, *length])
    return [body]


def serve(name: str, application: Application) -> None:
    """Serve on a free port of 127.0.0.1 until SIGTERM or SIGINT. Prints one line when it is ready."""
    server = WSGIServer(("127.0.0.1", 0), application, backlog=socket.SOMAXCONN, log=None, error_log=None)
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, sys.exit, 0)
    server.start()
    print(f"{name} listening on 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
