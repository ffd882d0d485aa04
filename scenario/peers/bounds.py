"""Limits for every answer over HTTP: MOST bytes, and one time limit for the whole call.

The limit counts from the name's resolution to the answer's last byte. Nothing is decompressed, no cookie is kept and no
redirect is read. A peer that breaks a bound raises an exception which `failures.of_exception` puts into words.
"""

from __future__ import annotations

import io
from http.client import HTTPException, HTTPResponse
from typing import Any

import gevent
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

MOST = 4_000_000  # bytes, with headers; the longest right answer, 1,000 subscriptions, has about 500,000


class UnreadableError(HTTPException):
    """An answer was not read to its end. The text says why."""


class BoundedResponse(HTTPResponse):
    """An answer of http.client with a limit on all its parts."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.fp: Any = _Reader(_Bounded(self.fp.detach()))

    def begin(self) -> None:
        """Read the headers. Raises UnreadableError for an encoded body, because none was asked for."""
        super().begin()
        del self.headers["Set-Cookie"]
        encoding = self.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise UnreadableError("its answer is compressed, although a plain one was requested")


class _Reader(io.BufferedReader):
    """Refuses a body or a chunk whose announced length is too large."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MOST:
            raise _too_long()
        return super().read(size)


class _Bounded(io.RawIOBase):
    """The bytes of a socket, MOST at most."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw, self._left = raw, MOST

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        if self._left <= 0:
            raise _too_long()
        count: int | None = self._raw.readinto(memoryview(buffer)[: self._left])
        self._left -= count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def _too_long() -> UnreadableError:
    return UnreadableError(f"its answer has more than {MOST // 1_000_000} MB")


class _Connection(HTTPConnection):
    response_class = BoundedResponse

    def connect(self) -> None:
        with gevent.Timeout(_seconds(self.timeout), urllib3.exceptions.ConnectTimeoutError("no connection in time")):
            super().connect()


class _TlsConnection(_Connection, HTTPSConnection):
    """The same with TLS: `connect` above goes on to HTTPSConnection's."""


def _seconds(timeout: object) -> float | None:
    return float(timeout) if isinstance(timeout, int | float) else None


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    def __init__(self, limit: float) -> None:
        self._limit = limit
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def send(self, request: requests.PreparedRequest, *arguments: Any, **named: Any) -> requests.Response:
        """Send, and read the whole answer. Raises RequestException."""
        late = requests.ReadTimeout(f"no whole answer within {self._limit:g} s", request=request)
        try:
            with gevent.Timeout(self._limit, late):
                response = super().send(request, *arguments, **named)
                response.encoding = "utf-8"  # JSON's, whatever the peer declares
                try:
                    response._content = response.raw.read()
                except BaseException:
                    response.close()
                    raise
                return response
        except (urllib3.exceptions.HTTPError, HTTPException, ValueError, LookupError) as error:
            raise requests.ConnectionError(error, request=request) from error


def bound(session: requests.Session, limit: float) -> None:
    """Apply the limits of this module to a session, with `limit` seconds per call."""
    session.trust_env = False
    session.headers["Accept-Encoding"] = "identity"
    session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(limit))
