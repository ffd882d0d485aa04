"""Writing a file: it starts under a new random name in the same folder and is renamed after its first text.

So an empty file never replaces an earlier one, and only the file that the user named is replaced or removed. A link
with that name is replaced, not followed. A device or a pipe is written to directly.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import TextIO


def begin(path: Path, text: str) -> TextIO:
    """Return a file that starts with a text and replaces an earlier one. On OSError the earlier one stays."""
    temporary, file = _open(path)
    try:
        file.write(text)
        file.flush()
        if temporary is not None:
            temporary.replace(path)
    except BaseException:
        _take_back(temporary, file)
        raise
    return file


def open_for_writing(path: Path) -> None:
    """Check that a file can be written, without changing anything. Raises OSError."""
    _take_back(*_open(path))


def _open(path: Path) -> tuple[Path | None, TextIO]:
    """Return the name of a new file and the file; None and the opened path if that is a device or a pipe."""
    if path.is_relative_to("/dev") or (path.exists() and not path.is_file()):
        return None, path.open("a", encoding="utf-8", newline="")
    temporary = path.with_name(f".{secrets.token_hex(8)}.new")
    made = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    return temporary, os.fdopen(made, "w", encoding="utf-8", newline="")


def _take_back(temporary: Path | None, file: TextIO) -> None:
    with contextlib.suppress(OSError):  # flushing its buffer may fail
        file.close()
    if temporary is not None:
        temporary.unlink(missing_ok=True)
