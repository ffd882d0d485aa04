"""stdout and stderr of a process of ours: that nobody reads them, or that they were closed, changes nothing else."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from typing import Any

_GONE = (errno.EPIPE, errno.EIO)  # the reader of the pipe; the terminal


class _Output(io.FileIO):
    """A file whose reader may be gone: what is written then is lost."""

    def write(self, data: Any) -> int:
        """Write, or pretend to."""
        try:
            return super().write(data) or 0
        except OSError as error:
            if error.errno not in _GONE:
                raise
            return memoryview(data).nbytes


def keep_streams() -> None:
    """Let stdout and stderr take what is written, whatever became of them; before anything else is opened."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - for good
        elif type(stream) is io.TextIOWrapper:  # not what stands in for it in a test
            setattr(sys, name, _kept(stream))


def _kept(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    output = _Output(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        output if stream.write_through else io.BufferedWriter(output),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
