"""How a gateway or a sidecar forwards a request: each over a new connection, with a time limit."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

import gevent

from rehearsal.wsgi import Environ, Headers

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date"}


@dataclass(frozen=True)
class Answer:
    """An answer to the client."""

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""


@dataclass(frozen=True)
class Request:
    """A request, read to its end."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @classmethod
    def read(cls, environ: Environ) -> Request:
        """Read a WSGI request, without the headers that concern one connection only."""
        names = {key[5:].replace("_", "-").title(): value for key, value in environ.items() if key.startswith("HTTP_")}
        headers = {name: value for name, value in names.items() if name.lower() not in _HOP_BY_HOP}
        if environ.get("CONTENT_TYPE"):
            headers["Content-Type"] = environ["CONTENT_TYPE"]
        query = environ["QUERY_STRING"]
        target = environ["PATH_INFO"] + (f"?{query}" if query else "")
        return cls(environ["REQUEST_METHOD"], target, headers, environ["wsgi.input"].read())


def forward(request: Request, port: int, patience: float | None) -> Answer:
    """Return the answer of a port of this host: 502 if there is none, 504 after `patience` s (None: no limit).

    After that time the connection is closed.
    """
    connection = HTTPConnection("127.0.0.1", port)
    try:
        with gevent.Timeout(patience):
            connection.request(request.method, request.target, request.body, {**request.headers, "Connection": "close"})
            response = connection.getresponse()
            body = response.read()
    except gevent.Timeout:
        return own_answer(504, "the server behind did not answer in time")
    except (OSError, HTTPException):
        return own_answer(502, "the server behind cannot be reached, or closed without an answer")
    finally:
        connection.close()
    headers = [(name, value) for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP]
    return Answer(response.status, headers, body)


def own_answer(status: int, text: str, *headers: tuple[str, str]) -> Answer:
    """Return an answer of the gateway's or sidecar's own."""
    body = f"<html><body>{status} {HTTPStatus(status).phrase}: {text}</body></html>\n".encode()
    return Answer(status, [("Content-Type", "text/html"), *headers], body)
