"""What leaves this process, on whatever way, has no password and no token in it, and no control character."""

from __future__ import annotations

import re
from argparse import Namespace
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import TypeVar, cast

import msgspec

HIDDEN = "***"
SECRETS = ("inspector_token", "mongo", "restart_command", "header")  # options that hold one, or may
CREDENTIALS = ("LOCUST_WEB_USERNAME", "LOCUST_WEB_PASSWORD")  # of --web-login, in the environment
_HIDDEN_WHOLLY = ("inspector_token", "restart_command", "header")  # of a URI the rest may be seen
# C0, DEL and C1, which a terminal obeys; what turns the direction of writing; lone surrogates, which no file can hold
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")
# tlsCertificateKeyFilePassword, proxyPassword, and AWS_SESSION_TOKEN in authMechanismProperties, of MongoDB's URIs
_OF_QUERY = re.compile(r"([?&]\w*(?:password|properties)=)[^&\s\"']+", re.IGNORECASE)
_T = TypeVar("_T")
_values: set[str] = set()  # of headers
_LEAST = 4  # characters of a word that a header's value may have for itself: the token in "Bearer token"


def taken_from(parsed: Namespace) -> dict[str, str]:
    """Take the secrets out of Locust's parsed options, all of which a master sends to whoever says it is a worker."""
    return {name: vars(parsed).pop(name) for name in SECRETS}


def hide(value: str) -> None:
    """Let a header's value, and the words in it, be blotted out of what is answered: some servers repeat it."""
    _values.update(word for word in (value, *value.split()) if len(word) >= _LEAST)


def answered(text: str) -> str:
    """Return the text of an answer without what was sent in headers."""
    for value in sorted(_values, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return text


def redacted(text: str) -> str:
    """Return the text with the credentials of its URLs blotted out: `mongodb://user:secret@host` and the like."""
    return _OF_QUERY.sub(rf"\1{HIDDEN}", re.sub(r"://[^/\s\"']*@", f"://{HIDDEN}@", text))


def shown(told: _T, lines: bool = False) -> _T:
    """Return a text, or all the texts of a record, as it may leave: redacted, control characters collapsed to a blank.

    `lines`: line feeds stay.
    """
    return cast("_T", _shown(told, lines))


def _shown(told: object, lines: bool) -> object:
    match told:
        case str() if not isinstance(told, Enum):
            parts = told.split("\n") if lines else [told]
            return "\n".join(redacted(_CONTROLS.sub(" ", part)) for part in parts)
        case tuple() | list():
            return type(told)(_shown(part, lines) for part in told)
        case dict():
            return {_shown(name, lines): _shown(value, lines) for name, value in told.items()}
        case msgspec.Struct():
            named = {name: _shown(getattr(told, name), lines) for name in told.__struct_fields__}
            return msgspec.structs.replace(told, **named)
    if is_dataclass(told) and not isinstance(told, type):
        values = {part.name: getattr(told, part.name) for part in fields(told)}
        hidden = {name: HIDDEN for name in _HIDDEN_WHOLLY if values.get(name)}
        return replace(told, **{name: _shown(value, lines) for name, value in values.items()} | hidden)
    return told
