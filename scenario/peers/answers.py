"""Answers are parsed once, when they arrive, into frozen classes."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from http.client import HTTPConnection, HTTPSConnection
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

import gevent
import msgspec
import requests
from requests.structures import CaseInsensitiveDict

from scenario.peers.bounds import BoundedResponse, bound
from scenario.peers.failures import Failure, Kind, of_status
from scenario.settings.access import OPEN, Access
from scenario.settings.secrets import answered

PATIENCE = 10.0  # s for a call over a kept-alive connection
CALL_TIMEOUT = (2.0, 5.0)  # s to connect, s to answer, for all requests but those of the probes
HERE = 1.0  # s to connect, to an address of this machine
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]  # the range that all JSON readers support; sums can still be sent
MOST_SECONDS = 1e12
Seconds = Annotated[float, msgspec.Meta(ge=0, le=MOST_SECONDS)]
_Shape = TypeVar("_Shape")

_TAG = re.compile(r"<[^<>]{0,1000}>")


class WrongShapeError(ValueError):
    """An answer has the wrong shape. The text says how."""


@dataclass(frozen=True)
class Answer:
    """A peer's answer: HTTP status, headers, text of the body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""

    def __str__(self) -> str:
        to = self.headers.get("Location")
        if 300 <= self.status < 400 and to:
            return f"HTTP {self.status}, a redirect to {answered(to, 200)}, not followed"
        by = self.headers.get("Server") or self.headers.get("Via")
        sender = f" (from {answered(by, 40)})" if by and self.status >= 400 else ""
        text = answered(words(self.body), 200).removeprefix(f"{self.status} ")
        return f"HTTP {self.status} {text}".strip() + sender

    def failure(self, kind: Kind | None = None) -> Failure:
        """Return it as a failure. Without a kind, the status decides."""
        return Failure(kind or of_status(self.status), str(self))

    def parsed(self, shape: type[_Shape]) -> _Shape:
        """Return the JSON of the body as `shape`. Raises WrongShapeError."""
        return parse(self.body, shape)


def words(body: str) -> str:
    """Return the text of a body without HTML tags and entities."""
    return " ".join(unescape(_TAG.sub(" ", answered(body, 10_000))).split())  # a token may look like a tag


def parse(text: str | bytes, shape: type[_Shape]) -> _Shape:
    """Return JSON as `shape`, a class that msgspec can check. Raises WrongShapeError."""
    try:
        return msgspec.json.decode(text, type=shape)
    except RecursionError:
        raise WrongShapeError("JSON that is nested too deeply") from None
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise WrongShapeError(str(error).replace("JSON is malformed", "not JSON")) from None


def takes(host: str, port: int) -> bool:
    """Whether an address of this machine accepts connections."""
    try:
        socket.create_connection((host, port), HERE).close()
    except OSError:
        return False
    return True


def ask(method: str, url: str, headers: Mapping[str, str], body: str = "", access: Access = OPEN) -> Answer:
    """Send one request over a new connection, ignoring proxies of the environment. Raises RequestException."""
    with requests.Session() as session:
        bound(session, sum(CALL_TIMEOUT))
        access.apply_to(session)
        sent = {**headers, "Connection": "close"}
        response = session.request(
            method, url, headers=sent, data=body or None, timeout=CALL_TIMEOUT, allow_redirects=False
        )
        return Answer(response.status_code, response.headers, response.text)


class KeptAlive:
    """One connection for many requests in a row. Orion took 3,000 DELETEs a second over it, 1,100 from `requests`."""

    def __init__(self, url: str, access: Access, patience: float | None = None) -> None:
        patience = self._patience = PATIENCE if patience is None else patience
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        self._connection = (
            HTTPSConnection(host, port, timeout=patience, context=access.context())
            if parts.scheme == "https"
            else HTTPConnection(host, port, timeout=patience)
        )
        self._connection.response_class = BoundedResponse
        self._path = parts.path

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: str = "", *, again: bool = False) -> Answer:
        """Send a request. `again` repeats it once if the peer closes the idle connection at that moment.

        Raises OSError or HTTPException.
        """
        try:
            with gevent.Timeout(self._patience, TimeoutError(f"no whole answer within {self._patience:g} s")):
                try:
                    return self._ask(method, path, headers, body)
                except ConnectionError:
                    self.close()
                    if not again:
                        raise
                    return self._ask(method, path, headers, body)
        except BaseException:
            self.close()
            raise

    def _ask(self, method: str, path: str, headers: Mapping[str, str], body: str) -> Answer:
        self._connection.request(method, self._path + path, body or None, dict(headers))
        response = self._connection.getresponse()
        return Answer(
            response.status, CaseInsensitiveDict(response.headers.items()), response.read().decode(errors="replace")
        )

    def close(self) -> None:
        """Close the connection. The next request opens a new one."""
        self._connection.close()
