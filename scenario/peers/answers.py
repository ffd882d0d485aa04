"""How an answer is read: parsed once, where it arrives, into a frozen class; and why there was none, in a few words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

import msgspec
import requests

CALL_TIMEOUT = (2.0, 5.0)  # s to connect, s to answer, for everything that is asked outside the probes
Count = Annotated[int, msgspec.Meta(ge=0)]
_Shape = TypeVar("_Shape")


class WrongShapeError(ValueError):
    """An answer that is not what was asked for; the text says in what."""


@dataclass(frozen=True)
class Answer:
    """A peer's answer: HTTP status, headers, text of the body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""

    def __str__(self) -> str:
        return f"HTTP {self.status} {self.body.strip()[:200]}".strip()

    def parsed(self, shape: type[_Shape]) -> _Shape:
        """Return the body, which is JSON, as `shape`. Raises WrongShapeError."""
        return parse(self.body, shape)


def parse(text: str | bytes, shape: type[_Shape]) -> _Shape:
    """Return JSON as `shape`, a class that msgspec knows how to check. Raises WrongShapeError."""
    try:
        return msgspec.json.decode(text, type=shape)
    except RecursionError:
        raise WrongShapeError("JSON that is nested too deep") from None
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise WrongShapeError(str(error).replace("JSON is malformed", "no JSON")) from None


def ask(method: str, url: str, headers: Mapping[str, str], body: str = "") -> Answer:
    """Send one request over a new connection, whatever proxy the environment names. Raises RequestException."""
    with requests.Session() as session:
        session.trust_env = False
        sent = {**headers, "Connection": "close"}
        response = session.request(method, url, headers=sent, data=body or None, timeout=CALL_TIMEOUT)
        return Answer(response.status_code, response.headers, response.text)


def reason(error: BaseException | None) -> str:
    """Say in a few words why a request got no answer."""
    text = repr(error)
    for words, meaning in (
        ("ConnectTimeout", "no connection within the time limit"),
        ("ReadTimeout|Read timed out|timed out", "no answer within the time limit"),
        ("RemoteDisconnected|without response", "closed without an answer"),
        ("ConnectionReset|reset by peer", "connection reset"),
        ("Connection refused|ConnectionRefused", "connection refused"),
        ("BrokenPipe", "closed while the request was sent"),
        ("Name or service not known|getaddrinfo|NameResolution", "host name unknown"),
    ):
        if re.search(words, text):
            return meaning
    return str(error) or type(error).__name__
