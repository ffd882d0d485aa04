"""What `--mongo` may be: the database server by host, host:port or URI."""

from __future__ import annotations

import warnings
from argparse import ArgumentTypeError

from pymongo import MongoClient
from pymongo.errors import ConfigurationError, InvalidURI

from scenario.settings.values import address


def is_mongo_uri(text: str) -> bool:
    """Tell a URI from a host, which may be called mongodb, as it is in many a compose file."""
    return text.startswith(("mongodb://", "mongodb+srv://"))


def mongo(text: str) -> str:
    """Check the database server. What is wrong is not repeated where it may hold a password."""
    takes = "takes host, host:port or a mongodb:// URI"
    if not is_mongo_uri(text):
        if "@" in text:
            raise ArgumentTypeError(f"{takes}: user and password belong into the URI")
        return address(text)
    try:
        with warnings.catch_warnings(action="error"):  # of options that there are not
            MongoClient[dict[str, object]](text, connect=False).close()  # asks nobody yet, not even DNS
    except (ConfigurationError, ValueError, OSError, UserWarning) as problem:  # ValueError: of the port
        hidden = "@" in text and isinstance(problem, InvalidURI | ValueError)
        wrong = "user and password have to be percent-encoded" if hidden else problem
        raise ArgumentTypeError(f"{takes}: {wrong}") from None
    return text
