"""A mongodb:// URI as pymongo reads it: which part may be seen, and what in it is secret.

A password may hold a blank or a quote, so that no pattern finds its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote_plus

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri, split_options

SCHEMES = ("mongodb://", "mongodb+srv://")
HIDDEN = "***"
_SECRET = ("password", "passphrase", "properties")  # how the names of options end that hold a secret


def is_mongo_uri(text: str) -> bool:
    """Tell a URI from a host, which may be called mongodb, as it is in many a compose file."""
    return text.startswith(SCHEMES)


def seen(uri: str) -> str:
    """Return the servers that a URI names, without user, database and options; nothing of one that cannot be read."""
    scheme = next(each for each in SCHEMES if uri.startswith(each))
    try:
        parts = parse_uri(SCHEMES[0] + uri.removeprefix(scheme).partition("?")[0], default_port=None, validate=False)
    except (PyMongoError, ValueError):
        return scheme + HIDDEN
    if parts["username"] is None and "@" in uri:  # of a password with / or ? in it pymongo takes a part for a port
        return scheme + HIDDEN
    servers = [(f"[{host}]" if ":" in host else host, port) for host, port in parts["nodelist"]]
    named = ",".join(f"{host}:{port}" if port else host for host, port in servers)
    return f"{scheme}{f'{HIDDEN}@' if parts['username'] is not None else ''}{named}"


def secrets_of(uri: str) -> Iterator[str]:
    """Yield what in a URI is secret: its password, and that of its options, as far as they can be read."""
    scheme = next(each for each in SCHEMES if uri.startswith(each))
    servers, _, options = uri.removeprefix(scheme).partition("?")
    user = servers.partition("/")[0].rpartition("@")[0]
    yield user.partition(":")[2]  # percent-encoded, as a peer may repeat it
    try:
        yield parse_uri(SCHEMES[0] + servers, validate=False)["password"] or ""
        named = split_options(options, validate=False, warn=False) if options else {}
    except (PyMongoError, ValueError):
        return
    for name, value in named.items():
        if name.lower().endswith(_SECRET):
            for text in (str(value), unquote_plus(str(value))):
                for part in (text, *text.split(",")):
                    yield from (part, part.partition(":")[2])
