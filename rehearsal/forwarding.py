"""How a gateway or a sidecar sends a request on: over a connection of its own for each, with a limit on its time."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any

import gevent

Environ = dict[str, Any]  # of WSGI
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date"}


@dataclass(frozen=True)
class Answer:
    """An answer, on its way back."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def line(self) -> str:
        """The status as WSGI wants it."""
        return f"{self.status} {HTTPStatus(self.status).phrase}"


@dataclass(frozen=True)
class Request:
    """A request, read to its end."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @classmethod
    def read(cls, environ: Environ) -> Request:
        """Read what WSGI hands over."""
        names = {key[5:].replace("_", "-").title(): value for key, value in environ.items() if key.startswith("HTTP_")}
        headers = {name: value for name, value in names.items() if name.lower() not in _HOP_BY_HOP}
        if environ.get("CONTENT_TYPE"):
            headers["Content-Type"] = environ["CONTENT_TYPE"]
        query = environ["QUERY_STRING"]
        target = environ["PATH_INFO"] + (f"?{query}" if query else "")
        return cls(environ["REQUEST_METHOD"], target, headers, environ["wsgi.input"].read())


def forward(request: Request, port: int, patience: float | None) -> Answer:
    """Return what the port of this host answers; 502 when it takes no connection or closes it, 504 after `patience` s.

    What was asked and is not answered in its time is given up, its connection closed.
    """
    connection = HTTPConnection("127.0.0.1", port)
    try:
        with gevent.Timeout(patience):
            connection.request(request.method, request.target, request.body, {**request.headers, "Connection": "close"})
            response = connection.getresponse()
            body = response.read()
    except gevent.Timeout:
        return told(504, "the server behind did not answer in time")
    except (OSError, HTTPException):
        return told(502, "the server behind cannot be reached, or closed without an answer")
    finally:
        connection.close()
    headers = [(name, value) for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP]
    return Answer(response.status, headers, body)


def told(status: int, text: str, *headers: tuple[str, str]) -> Answer:
    """Return an answer of one's own."""
    body = f"<html><body>{status} {HTTPStatus(status).phrase}: {text}</body></html>\n".encode()
    return Answer(status, [("Content-Type", "text/html"), *headers], body)
