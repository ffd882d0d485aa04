"""The broker's command line: without its secrets, and which database it names."""

from __future__ import annotations

import re

MONGO_PORT = 27017
PASSWORD = re.compile("-+[^=]*(pwd|pass|secret|token)[^=]*", re.IGNORECASE)
PASSWORD_GIVEN = re.compile("^(-+[^=]*(?:pwd|pass|secret|token)[^=]*=).*", re.IGNORECASE | re.DOTALL)


def without_secrets(words: list[str]) -> list[str]:
    """Return a command line without passwords: what follows -dbPwd and its like, user and password of a URI."""
    return [
        "***" if PASSWORD.fullmatch(before) else re.sub("://.*@", "://***@", PASSWORD_GIVEN.sub(r"\1***", word))
        for before, word in zip(["", *words], words)
    ]


def database_ports(words: list[str]) -> set[int]:
    """Return the ports of the servers that -dbhost or -dbURI names, or MongoDB's own."""
    named = [value for word, value in zip(["", *words], words) if word in ("-dbhost", "-dbURI")]
    return set(map(int, re.findall(r":(\d+)(?=[,/?]|$)", ",".join(named)))) or {MONGO_PORT}
