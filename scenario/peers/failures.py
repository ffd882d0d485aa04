"""How an exchange with a peer can fail: a kind for the rules, and a text for people.

Kind
  no connection
    REFUSED            no process listens there
    NO_CONNECTION      no connection within the time limit
    NO_ROUTE           the network or the host cannot be reached
    NAME_UNKNOWN       the host's name has no address
    NAME_SERVER        no name server answers
  no answer
    CLOSED             the connection was closed without an answer
    RESET              the connection was reset
    NO_ANSWER          no answer, or no whole one, within the time limit
    CERTIFICATE        TLS: one side does not trust the other, or does not speak it
  another answer than the right one
    REDIRECT           HTTP 3xx
    DENIED             HTTP 401, 403
    TOO_MANY_REQUESTS  HTTP 429
    GATEWAY            HTTP 502, 503, 504: a gateway answers for the broker
    STATUS             any other HTTP status
    CONTENT            the right status with wrong content
  the broker's database
    NO_DATABASE        the broker, or pymongo, says that the database does not answer
    NEVER_CONNECTED    the broker was started before its database answered
    NOT_STORED         what was written is not there
  the inspector
    NO_PROCESS         the broker's process is not there
    NOT_ALLOWED        it may not look into the broker's process
    KILLED_FOR_MEMORY  the kernel killed the process, or one of its control group, for memory
    KILLED_ON_HOST     the kernel killed some process of the host for memory
  OURS                 no descriptor, port or memory left on the tester's host
  OTHER                anything else
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from http.client import HTTPException, IncompleteRead, RemoteDisconnected

import requests
from urllib3.exceptions import ReadTimeoutError

from scenario.errors import StressTestError
from scenario.peers.bounds import UnreadableError
from scenario.settings.secrets import answered

MOST_QUOTED = 200  # characters of a peer's own words
_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL)
_NO_ROUTE = (errno.EHOSTUNREACH, errno.ENETUNREACH)
_NOTHING_LEFT = "this host has no descriptor, port or memory left"


class Kind(Enum):
    """How an exchange failed. The module's docstring explains each kind."""

    REFUSED = "refused"
    NO_CONNECTION = "no connection"
    NO_ROUTE = "no route"
    NAME_UNKNOWN = "name unknown"
    NAME_SERVER = "name server"
    CLOSED = "closed"
    RESET = "reset"
    NO_ANSWER = "no answer"
    CERTIFICATE = "certificate"
    REDIRECT = "redirect"
    DENIED = "denied"
    TOO_MANY_REQUESTS = "too many requests"
    GATEWAY = "gateway"
    STATUS = "status"
    CONTENT = "content"
    NO_DATABASE = "no database"
    NEVER_CONNECTED = "never connected"
    NOT_STORED = "not stored"
    NO_PROCESS = "no process"
    NOT_ALLOWED = "not allowed"
    KILLED_FOR_MEMORY = "killed for memory"
    KILLED_ON_HOST = "killed on host"
    OURS = "ours"
    OTHER = "other"


# Faults in front of the broker or on Locust's host. They say nothing about the broker
OUTSIDE = frozenset(
    {Kind.NO_ROUTE, Kind.NAME_UNKNOWN, Kind.CERTIFICATE, Kind.REDIRECT, Kind.DENIED, Kind.TOO_MANY_REQUESTS, Kind.OURS}
)


@dataclass(frozen=True)
class Failure:
    """A failed exchange: its kind, and the text for people."""

    kind: Kind
    text: str

    def __str__(self) -> str:
        return self.text


def parts(failure: Failure | None) -> tuple[str, Kind | None]:
    """Return text and kind for a sample; "" and None if nothing failed."""
    return ("", None) if failure is None else (failure.text, failure.kind)


def of_status(status: int) -> Kind:
    """Return the kind of a wrong HTTP status."""
    if 300 <= status < 400:
        return Kind.REDIRECT
    named = {401: Kind.DENIED, 403: Kind.DENIED, 429: Kind.TOO_MANY_REQUESTS}
    named |= dict.fromkeys((502, 503, 504), Kind.GATEWAY)
    return named.get(status, Kind.STATUS)


def kind_of(error: StressTestError) -> Kind:
    """Return the kind of one of the project's own exceptions."""
    return error.kind if isinstance(error.kind, Kind) else Kind.OTHER


def of_exception(error: BaseException | None) -> Failure:
    """Return why a request got no answer, judged by the types of the exception and of the exceptions wrapped in it.

    Their texts are not used, because they may contain a peer's own words.
    """
    layers = list(_layers(error))
    for layer in layers:
        if isinstance(layer, ssl.SSLError):
            return _of_tls(layer)
        if isinstance(layer, UnreadableError):
            return Failure(Kind.CONTENT, str(layer))
        if isinstance(layer, socket.gaierror):  # an OSError whose numbers are not errno's
            return _of_name(layer)
        if isinstance(layer, OSError) and layer.errno in _BY_NUMBER:
            return Failure(*_BY_NUMBER[layer.errno])
    for types, kind, meaning in _EXCEPTIONS:
        if any(isinstance(layer, types) for layer in layers):
            return Failure(kind, meaning)
    return Failure(Kind.OTHER, answered(str(error), MOST_QUOTED) or type(error).__name__)


def _layers(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and those within it, the outermost first."""
    found = [error] if error else []
    for layer in found:  # it grows meanwhile
        yield layer
        inner = [*layer.args, getattr(layer, "reason", None), layer.__cause__]
        found += [each for each in inner if isinstance(each, BaseException) and each not in found]


def _of_tls(error: ssl.SSLError) -> Failure:
    reason = str(getattr(error, "reason", ""))
    if isinstance(error, ssl.SSLCertVerificationError):
        why = answered(getattr(error, "verify_message", reason), MOST_QUOTED)
        text = f"its certificate is not trusted: {why} (--ca-file)"
    elif isinstance(error, ssl.SSLEOFError):
        text = "closed during TLS: it may require a client certificate (--cert)"
    elif "ALERT_CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason:
        text = "it requires another client certificate (--cert)"
    elif "WRONG_VERSION_NUMBER" in reason or "RECORD_LAYER_FAILURE" in reason:
        text = "it does not speak TLS there (https://)"
    else:
        return Failure(Kind.OTHER, f"TLS failed: {answered(reason, MOST_QUOTED)}")
    return Failure(Kind.CERTIFICATE, text)


def _of_name(error: socket.gaierror) -> Failure:
    if error.errno == socket.EAI_AGAIN:
        return Failure(Kind.NAME_SERVER, "no name server answers for its host name")
    return Failure(Kind.NAME_UNKNOWN, "host name unknown")


_BY_NUMBER = {
    **dict.fromkeys(_OURS, (Kind.OURS, _NOTHING_LEFT)),
    **dict.fromkeys(_NO_ROUTE, (Kind.NO_ROUTE, "no route to its host")),
}
_EXCEPTIONS: tuple[tuple[tuple[type[BaseException], ...], Kind, str], ...] = (
    ((MemoryError,), Kind.OURS, _NOTHING_LEFT),
    ((requests.ConnectTimeout,), Kind.NO_CONNECTION, "no connection within the time limit"),
    ((requests.ReadTimeout, ReadTimeoutError, TimeoutError), Kind.NO_ANSWER, "no answer within the time limit"),
    ((RemoteDisconnected,), Kind.CLOSED, "closed without an answer"),
    ((IncompleteRead,), Kind.CLOSED, "closed before the end of its answer"),
    ((ConnectionResetError,), Kind.RESET, "connection reset"),
    ((ConnectionRefusedError,), Kind.REFUSED, "connection refused"),
    ((BrokenPipeError,), Kind.CLOSED, "closed while the request was sent"),
    ((HTTPException, ValueError), Kind.CONTENT, "its answer is not HTTP"),
)
