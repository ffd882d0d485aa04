"""How an exchange with a peer can fail: a kind, which the rules ask for, and a text, which people read.

Kind
  no connection
    REFUSED            nobody listens there
    NO_CONNECTION      no connection within the time limit
    NO_ROUTE           the network or the host cannot be reached
    NAME_UNKNOWN       the host's name has no address
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
import re
from dataclasses import dataclass
from enum import Enum

from scenario.errors import StressTestError

_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL)


class Kind(Enum):
    """How an exchange failed; the module's docstring says what each is."""

    REFUSED = "refused"
    NO_CONNECTION = "no connection"
    NO_ROUTE = "no route"
    NAME_UNKNOWN = "name unknown"
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


@dataclass(frozen=True)
class Failure:
    """A failed exchange: its kind, and the text for people."""

    kind: Kind
    text: str

    def __str__(self) -> str:
        return self.text


def parts(failure: Failure | None) -> tuple[str, Kind | None]:
    """Return text and kind as the samples carry them; empty and None where nothing failed."""
    return ("", None) if failure is None else (failure.text, failure.kind)


def of_status(status: int) -> Kind:
    """Return the kind of a wrong HTTP status."""
    if 300 <= status < 400:
        return Kind.REDIRECT
    named = {401: Kind.DENIED, 403: Kind.DENIED, 429: Kind.TOO_MANY_REQUESTS}
    named |= dict.fromkeys((502, 503, 504), Kind.GATEWAY)
    return named.get(status, Kind.STATUS)


def kind_of(error: StressTestError) -> Kind:
    """Return the kind that one of the project's own exceptions has."""
    return error.kind if isinstance(error.kind, Kind) else Kind.OTHER


def of_exception(error: BaseException | None) -> Failure:
    """Return why a request got no answer. The libraries wrap the cause in layers, so their text is what tells it."""
    text = repr(error)
    if untrusted := re.search(r"certificate verify failed: ([^(\"']*)", text):
        return Failure(Kind.CERTIFICATE, f"its certificate is not trusted: {untrusted[1].strip()} (--ca-file)")
    for words, kind, meaning in _EXCEPTIONS:
        if re.search(words, text):
            return Failure(kind, meaning)
    return Failure(Kind.OTHER, str(error) or type(error).__name__)


_EXCEPTIONS = (
    (
        rf"Errno ({'|'.join(map(str, _OURS))})\b|OSError\(({'|'.join(map(str, _OURS))}),|MemoryError",
        Kind.OURS,
        "this host has no descriptor, port or memory left for it",
    ),
    ("ConnectTimeout", Kind.NO_CONNECTION, "no connection within the time limit"),
    ("ReadTimeout|Read timed out|timed out", Kind.NO_ANSWER, "no answer within the time limit"),
    ("SSLEOFError", Kind.CERTIFICATE, "closed within TLS, as by a server that wants a certificate of us (--cert)"),
    (
        "ALERT_CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE",
        Kind.CERTIFICATE,
        "it wants another certificate of us (--cert)",
    ),
    ("WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE", Kind.CERTIFICATE, "it does not speak TLS there (https://)"),
    ("RemoteDisconnected|without response", Kind.CLOSED, "closed without an answer"),
    ("ConnectionReset|reset by peer", Kind.RESET, "connection reset"),
    ("Connection refused|ConnectionRefused", Kind.REFUSED, "connection refused"),
    ("BrokenPipe", Kind.CLOSED, "closed while the request was sent"),
    ("No route to host|Network is unreachable", Kind.NO_ROUTE, "no route to its host"),
    ("Name or service not known|getaddrinfo|NameResolution", Kind.NAME_UNKNOWN, "host name unknown"),
)
