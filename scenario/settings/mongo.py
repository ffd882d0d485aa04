"""Check of `--mongo`: the database server as host, host:port or URI."""

from __future__ import annotations

import warnings
from argparse import ArgumentTypeError

from pymongo import MongoClient
from pymongo.errors import ConfigurationError

from scenario.settings.mongo_uri import HIDDEN, is_mongo_uri, secrets_of, seen
from scenario.settings.secrets import answered, hide
from scenario.settings.values import address


def mongo(text: str) -> str:
    """Check the database server. The message never repeats a text that may hold a password."""
    takes = "takes host, host:port or a mongodb:// URI"
    if not is_mongo_uri(text):
        if "@" in text:
            raise ArgumentTypeError(f"{takes}: put user and password into the URI")
        if "/" in text:
            raise ArgumentTypeError(f"{takes}; a URI starts with mongodb:// or mongodb+srv://")
        return address(text)
    hide(*secrets_of(text))
    try:
        with warnings.catch_warnings(action="error"):  # pymongo warns of unknown options
            MongoClient[dict[str, object]](text, connect=False).close()  # connects to nothing, not even to DNS
    except (ConfigurationError, ValueError, OSError, UserWarning) as problem:  # ValueError: the port
        raise ArgumentTypeError(f"{takes}: {_wrong(text, problem)}") from None
    return text


def _wrong(text: str, problem: Exception) -> str:
    if "@" in text and seen(text).endswith(HIDDEN):
        return "user and password must be percent-encoded"
    name = text.partition("?")[2].lower()
    return "its options cannot be used" if "properties=" in name else answered(str(problem))
