"""stdout and stderr of a process of ours: that nobody reads them, or that they were closed, changes nothing else."""

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
    """A file of which some errors are none: what is written then is lost."""

    lost = _GONE

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            if error.errno not in self.lost:
                raise
            return memoryview(data).nbytes


class _Gated(io.TextIOWrapper):
    """Text without the secrets that are known: a library may print what it was told."""

    def write(self, text: str) -> int:
        """Write it."""
        super().write(answered(text))
        return len(text)


class _Plain(io.TextIOWrapper):
    """Text of which a terminal obeys nothing but line feeds."""

    def write(self, text: str) -> int:
        """Write it, without control characters and passwords."""
        super().write(shown(text, lines=True))
        return len(text)


def keep_streams(plain: bool = False) -> None:
    """Let stdout and stderr take what is written, whatever became of them; before anything else is opened.

    `plain`: for a program that prints what files and brokers tell: without control characters; a full disk is no
    error either, because its exit code tells what it found.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - for good
        elif type(stream) is io.TextIOWrapper:  # not what stands in for it in a test
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
