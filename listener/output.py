"""Output lines. A line that nobody reads is dropped: the listener never waits for a reader."""

from __future__ import annotations

import os
import select
import sys

OUT, ERR = 1, 2


def printable(text: str) -> str:
    """Return a text with ? for each control character."""
    return "".join(one if one.isprintable() else "?" for one in text)


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
