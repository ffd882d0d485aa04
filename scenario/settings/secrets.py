"""Nothing that leaves this process contains a password, a token or a control character.

`shown` is the gate. Every record, every line of the log, and every name that Locust counts goes through it.
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

SECRETS = ("inspector_token", "mongo", "restart_command", "header")  # options that are secrets, or may contain one
CREDENTIALS = ("LOCUST_WEB_USERNAME", "LOCUST_WEB_PASSWORD")  # of --web-login, in the environment
_HIDDEN_WHOLLY = ("inspector_token", "restart_command", "header")  # of a URI only the credentials are hidden
# Terminal controls (C0, DEL, C1), changes of the writing direction, and lone surrogates, which no file can hold
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")
_HOST = r"(?:[\w.-]+|\[[0-9A-Fa-f:.%]+\])(?::\d{1,5})?"
# The part of a mongodb:// URI in a text that may be shown: its servers, or what `seen` made of the URI
_SERVERS = re.compile(rf"\*\*\*(?:@{_HOST}(?:,{_HOST})*)?(?![\w@])|{_HOST}(?:,{_HOST})*(?![^\s/?)\"';,])")
_MONGO = re.compile(r"(mongodb(?:\+srv)?://)(.*)", re.IGNORECASE | re.DOTALL)
_URL = re.compile(r"://[^/\s\"']*@")
_LEAST = 4  # characters; shorter secrets are not searched for
_T = TypeVar("_T")
_known: set[str] = set()  # the secrets of this process


def taken_from(parsed: Namespace) -> dict[str, str]:
    """Remove the secrets from Locust's parsed options and return them. A master sends these options to its workers."""
    return {name: vars(parsed).pop(name) for name in SECRETS}


def hide(*secrets: str, words: bool = False) -> None:
    """Remember secrets, which are then removed from all texts. Some servers repeat what they are sent.

    `words` also removes each word of a secret, such as the token in "Bearer token".
    """
    for secret in secrets:
        _known.update(text for text in (secret, *(secret.split() if words else ())) if len(text) >= _LEAST)


def secret(text: str) -> str:
    """Remember the text of an option as a secret, and return it."""
    hide(text)
    return text


def answered(text: str, most: int | None = None) -> str:
    """Return a text without the known secrets, cut to `most` characters after that."""
    return _pattern_of(frozenset(_known)).sub(HIDDEN, text)[:most]


@lru_cache(maxsize=1)
def _pattern_of(secrets: frozenset[str]) -> re.Pattern[str]:
    forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _LEAST}
    return re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True))) or "(?!)", re.IGNORECASE)


def _forms(text: str) -> Iterator[str]:
    """Yield a secret as it is, and as written in JSON, Python, HTML, a URL or a CSV."""
    yield text
    yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1])
    yield from (html.escape(text), html.escape(text, quote=False), quote(text), quote(text, safe=""), quote_plus(text))
    yield from (text.replace('"', '""'), text.replace("'", "\\'"), _CONTROLS.sub(" ", text))
    with suppress(ValueError):
        yield b64decode(text, validate=True).decode().partition(":")[2]


def redacted(text: str) -> str:
    """Return the text with the credentials of its URLs hidden, as in `http://user:secret@host`."""
    if is_mongo_uri(text):
        return seen(text)
    return _URL.sub(f"://{HIDDEN}@", _MONGO.sub(_without_credentials, text))


def _without_credentials(uri: re.Match[str]) -> str:
    """Return the part of a text from a mongodb:// URI on that may be shown; none if the end of the URI is unclear."""
    scheme, text = uri.groups()
    servers = _SERVERS.match(text)
    after = text[servers.end() :] if servers else ""
    if servers is None or ("@" in after and not servers[0].startswith(HIDDEN)):
        return scheme + HIDDEN
    path = re.match(r"[/?]\S*", after)
    if path and "?" in path[0]:  # the end of its options is unclear
        return f"{scheme}{servers[0]}?{HIDDEN}"
    return scheme + servers[0] + redacted(after[path.end() if path else 0 :])


def shown(item: _T, lines: bool = False) -> _T:
    """Return a text, or a record with all its texts, without secrets; control characters become a blank.

    `lines` keeps line feeds.
    """
    return cast("_T", _shown(item, lines))


def _shown(item: object, lines: bool, known: bool = True) -> object:
    match item:
        case str() if not isinstance(item, Enum):
            return _shown_text(item, lines, known)
        case tuple() | list():
            return type(item)(_shown(part, lines, known) for part in item)
        case dict():
            return {_shown(name, lines, known): _shown(value, lines, known) for name, value in item.items()}
        case msgspec.Struct():
            named = {name: _shown(getattr(item, name), lines, known) for name in item.__struct_fields__}
            return msgspec.structs.replace(item, **named)
    if is_dataclass(item) and not isinstance(item, type):
        values = {part.name: getattr(item, part.name) for part in fields(item)}
        hidden = {name: HIDDEN for name in _HIDDEN_WHOLLY if values.get(name)}
        known &= not getattr(item, "typed", False)
        return replace(item, **{name: _shown(value, lines, known) for name, value in values.items()} | hidden)
    return item


def _shown_text(text: str, lines: bool, known: bool) -> str:
    """Hide secrets before control characters are replaced, and again after it: a secret may contain some."""
    text = answered(text) if known else text
    parts = text.split("\n") if lines else [text]
    text = "\n".join(_CONTROLS.sub(" ", redacted(part)) for part in parts)
    return answered(text) if known else text
