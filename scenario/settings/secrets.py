"""The one redactor: what leaves this process, on whatever way, has no password and no token in it."""

from __future__ import annotations

import re

HIDDEN = "***"


def redacted(text: str) -> str:
    """Return the text with the credentials of its URLs blotted out: `mongodb://user:secret@host` and the like."""
    return re.sub(r"://[^/@\s\"']*@", f"://{HIDDEN}@", text)
