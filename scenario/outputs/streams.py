"""stdout and stderr of our processes. A closed stream, or a reader that is gone, does not end the process."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from typing import Any

from scenario.settings.secrets import answered, shown

_GONE = frozenset((errno.EPIPE, errno.EIO))  # the reader of the pipe; the terminal


class _Output(io.FileIO):
    """A file that ignores the errors of `lost`. What is written then is lost."""

    lost: frozenset[int]  # errno

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            if error.errno not in self.lost:
                raise
            return memoryview(data).nbytes


class _Gated(io.TextIOWrapper):
    """Text without known secrets, because a library may print them."""

    def write(self, text: str) -> int:
        """Write text without known secrets."""
        super().write(answered(text))
        return len(text)


class _Plain(io.TextIOWrapper):
    """Text without control characters but line feeds."""

    def write(self, text: str) -> int:
        """Write text without control characters and secrets."""
        super().write(shown(text, lines=True))
        return len(text)


def keep_streams(plain: bool = False) -> None:
    """Make stdout and stderr safe to write to, even if they are closed. Call it before anything else is opened.

    `plain` is for programs that print the contents of files and brokers: it removes control characters and ignores a
    full disk, because their exit code carries the result.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - for good
        elif type(stream) is io.TextIOWrapper:  # not the replacement in a test
            setattr(sys, name, _kept(stream, plain))


def _kept(stream: io.TextIOWrapper, plain: bool) -> io.TextIOWrapper:
    output = _Output(stream.fileno(), "w", closefd=False)
    output.lost = _GONE | {errno.ENOSPC} if plain else _GONE
    return (_Plain if plain else _Gated)(
        output if stream.write_through else io.BufferedWriter(output),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
