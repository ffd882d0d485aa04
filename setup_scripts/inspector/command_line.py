"""The broker's command line without secrets, and the database that it names."""

from __future__ import annotations

import re

MONGO_PORT = 27017
PASSWORD = re.compile("-+[^=]*(pwd|pass|secret|token)[^=]*", re.IGNORECASE)
PASSWORD_GIVEN = re.compile("^(-+[^=]*(?:pwd|pass|secret|token)[^=]*=).*", re.IGNORECASE | re.DOTALL)

MONGO = re.compile(r"(mongodb(?:\+srv)?://)(.*)", re.IGNORECASE | re.DOTALL)
_HOST = r"(?:[\w.%-]+|\[[0-9A-Fa-f:.%]+\])(?::[0-9]+)?"
# Then come user and password, servers, database, options; where that does not fit, a part of a password may be any
_READABLE = re.compile(f"([^@/?]*@)?({_HOST}(?:,{_HOST})*)(/[^@/?]*)?([?][^@]*)?")


def without_secrets(words: list[str]) -> list[str]:
    """Return a command line without passwords: what follows -dbPwd and its like, and all of a URI but its servers."""
    return [
        "***" if PASSWORD.fullmatch(before) else _without_user(PASSWORD_GIVEN.sub(r"\1***", word))
        for before, word in zip(["", *words], words)
    ]


def _without_user(word: str) -> str:
    if MONGO.search(word):
        return MONGO.sub(_servers, word)
    return re.sub("://.*@", "://***@", word, flags=re.DOTALL)


def _servers(uri: re.Match[str]) -> str:
    readable = _READABLE.fullmatch(uri.group(2))
    return uri.group(1) + ("***@" * bool(readable.group(1)) + readable.group(2) if readable else "***")


def database_ports(words: list[str]) -> set[int]:
    """Return the ports of the servers that -dbhost or -dbURI names, or MongoDB's own."""
    named = [value for word, value in zip(["", *words], words) if word in ("-dbhost", "-dbURI")]
    return set(map(int, re.findall(r":([0-9]{1,5})(?=[,/?]|$)", ",".join(named)))) or {MONGO_PORT}
