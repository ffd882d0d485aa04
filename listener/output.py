"""Output lines. They are dropped instead of waited for if nobody reads them."""

from __future__ import annotations

import os
import select
import sys

OUT, ERR = 1, 2


def say(line: str, fd: int = OUT) -> None:
    """Print a line. Drop it if the pipe has no reader, the disk is full, or `fd` was closed from the start.

    Not print(): it would wait for a reader, raise, and keep what it could not write until the end.
    """
    if (sys.stdout if fd == OUT else sys.stderr) is None:  # by now `fd` may be a socket of ours
        return
    ready = select.poll()
    ready.register(fd, select.POLLOUT)
    try:
        if ready.poll(0):
            os.write(fd, f"{line}\n".encode())
    except OSError:
        return
