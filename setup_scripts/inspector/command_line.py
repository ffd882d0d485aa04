"""The broker's command line, without its secrets."""

from __future__ import annotations

import re

PASSWORD = re.compile("-+[^=]*(pwd|pass|secret|token)[^=]*", re.IGNORECASE)
PASSWORD_GIVEN = re.compile("^(-+[^=]*(?:pwd|pass|secret|token)[^=]*=).*", re.IGNORECASE | re.DOTALL)


def without_secrets(words: list[str]) -> list[str]:
    """Return a command line without passwords: what follows -dbPwd and its like, user and password of a URI."""
    return [
        "***" if PASSWORD.fullmatch(before) else re.sub("://.*@", "://***@", PASSWORD_GIVEN.sub(r"\1***", word))
        for before, word in zip(["", *words], words)
    ]
