"""What leaves this process, on whatever way, has no password and no token in it, and no control character.

`shown` is the gate: every record passes it before anybody hears of it, every line that is logged, whoever logs it, and
what Locust counts.
"""

from __future__ import annotations

import html
import json
import re
from argparse import Namespace
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import TypeVar, cast
from urllib.parse import quote, quote_plus

import msgspec

from scenario.settings.mongo_uri import HIDDEN, is_mongo_uri, seen

SECRETS = ("inspector_token", "mongo", "restart_command", "header")  # options that hold one, or may
CREDENTIALS = ("LOCUST_WEB_USERNAME", "LOCUST_WEB_PASSWORD")  # of --web-login, in the environment
_HIDDEN_WHOLLY = ("inspector_token", "restart_command", "header")  # of a URI the rest may be seen
# C0, DEL and C1, which a terminal obeys; what turns the direction of writing; lone surrogates, which no file can hold
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")
_HOST = r"(?:[\w.-]+|\[[0-9A-Fa-f:.%]+\])(?::\d{1,5})?"
# What of a mongodb:// URI within a text may stay: its servers, if they are nothing else, or what `seen` made of it
_SERVERS = re.compile(rf"\*\*\*(?:@{_HOST}(?:,{_HOST})*)?(?![\w@])|{_HOST}(?:,{_HOST})*(?![^\s/?)\"';,])")
_MONGO = re.compile(r"(mongodb(?:\+srv)?://)(.*)", re.IGNORECASE | re.DOTALL)
_URL = re.compile(r"://[^/\s\"']*@")
_LEAST = 4  # characters of what is looked for in texts
_T = TypeVar("_T")
_known: set[str] = set()  # the secrets of this process


def taken_from(parsed: Namespace) -> dict[str, str]:
    """Take the secrets out of Locust's parsed options, all of which a master sends to whoever says it is a worker."""
    return {name: vars(parsed).pop(name) for name in SECRETS}


def hide(*secrets: str, words: bool = False) -> None:
    """Let secrets be blotted out of all texts, because some servers repeat what they are sent.

    `words`: each word of theirs, too, as the token in "Bearer token" and the password in "Basic ...".
    """
    for secret in secrets:
        _known.update(text for text in (secret, *(secret.split() if words else ())) if len(text) >= _LEAST)


def secret(text: str) -> str:
    """Hide the text of an option, and return it."""
    hide(text)
    return text


def answered(text: str, most: int | None = None) -> str:
    """Return a text, or its first `most` characters, without the secrets that are known; a cut one is none any more."""
    return _pattern_of(frozenset(_known)).sub(HIDDEN, text)[:most]


@lru_cache(maxsize=1)
def _pattern_of(secrets: frozenset[str]) -> re.Pattern[str]:
    forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _LEAST}
    return re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True))) or "(?!)")


def _forms(text: str) -> Iterator[str]:
    """Yield a secret as it is, and as JSON, Python, HTML, a URL and a CSV have it: so peers may repeat it."""
    yield text
    yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1])
    yield from (html.escape(text), html.escape(text, quote=False), quote(text), quote(text, safe=""), quote_plus(text))
    yield from (text.replace('"', '""'), text.replace("'", "\\'"), _CONTROLS.sub(" ", text))
    with suppress(ValueError):
        yield b64decode(text, validate=True).decode().partition(":")[2]


def redacted(text: str) -> str:
    """Return the text with the credentials of its URLs blotted out: `http://user:secret@host` and the like."""
    if is_mongo_uri(text):
        return seen(text)
    return _URL.sub(f"://{HIDDEN}@", _MONGO.sub(_without_credentials, text))


def _without_credentials(uri: re.Match[str]) -> str:
    """Return what may stay of a text from a mongodb:// URI on; where its end is unclear, nothing."""
    scheme, text = uri.groups()
    servers = _SERVERS.match(text)
    after = text[servers.end() :] if servers else ""
    if servers is None or ("@" in after and not servers[0].startswith(HIDDEN)):
        return scheme + HIDDEN
    path = re.match(r"[/?]\S*", after)
    if path and "?" in path[0]:  # of options nobody can tell the end
        return f"{scheme}{servers[0]}?{HIDDEN}"
    return scheme + servers[0] + redacted(after[path.end() if path else 0 :])


def shown(told: _T, lines: bool = False) -> _T:
    """Return a text, or all the texts of a record, as it may leave: redacted, control characters collapsed to a blank.

    `lines`: line feeds stay.
    """
    return cast("_T", _shown(told, lines))


def _shown(told: object, lines: bool, known: bool = True) -> object:
    match told:
        case str() if not isinstance(told, Enum):
            return _shown_text(told, lines, known)
        case tuple() | list():
            return type(told)(_shown(part, lines, known) for part in told)
        case dict():
            return {_shown(name, lines, known): _shown(value, lines, known) for name, value in told.items()}
        case msgspec.Struct():
            named = {name: _shown(getattr(told, name), lines, known) for name in told.__struct_fields__}
            return msgspec.structs.replace(told, **named)
    if is_dataclass(told) and not isinstance(told, type):
        values = {part.name: getattr(told, part.name) for part in fields(told)}
        hidden = {name: HIDDEN for name in _HIDDEN_WHOLLY if values.get(name)}
        known &= not getattr(told, "typed", False)
        return replace(told, **{name: _shown(value, lines, known) for name, value in values.items()} | hidden)
    return told


def _shown_text(text: str, lines: bool, known: bool) -> str:
    """Blot secrets out before the control characters that may be in one collapse, and again after it."""
    text = answered(text) if known else text
    parts = text.split("\n") if lines else [text]
    text = "\n".join(_CONTROLS.sub(" ", redacted(part)) for part in parts)
    return answered(text) if known else text
