"""How a file gets written: under a name that nobody has, in the same folder, which is renamed when the file has begun.

So no empty file ever replaces an earlier one, and nothing but what the user named is replaced or removed. A link that
has the name is replaced, not followed; a device or a pipe is written to as it is.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import TextIO


def begin(path: Path, text: str) -> TextIO:
    """Return a file that begins with a text, in the place of an earlier one. Raises OSError; that one stays then."""
    beside, file = _open(path)
    try:
        file.write(text)
        file.flush()
        if beside is not None:
            beside.replace(path)
    except BaseException:
        _take_back(beside, file)
        raise
    return file


def open_for_writing(path: Path) -> None:
    """Open a file as a run will, leaving everything as it is. Raises OSError."""
    _take_back(*_open(path))


def _open(path: Path) -> tuple[Path | None, TextIO]:
    """Return a new file and its name; None and the file itself for what is none, /dev/stdout included."""
    if path.is_relative_to("/dev") or (path.exists() and not path.is_file()):
        return None, path.open("a", encoding="utf-8", newline="")
    beside = path.with_name(f".{secrets.token_hex(8)}.new")
    made = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    return beside, os.fdopen(made, "w", encoding="utf-8", newline="")


def _take_back(beside: Path | None, file: TextIO) -> None:
    with contextlib.suppress(OSError):  # what is left in the buffer
        file.close()
    if beside is not None:
        beside.unlink(missing_ok=True)
