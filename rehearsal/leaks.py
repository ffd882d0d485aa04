"""What a broker with a leak leaves behind of each notification that has ended: what a soak test has to find."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from gevent.monkey import get_original

CONNECTIONS = "connections"  # the notification's own, which its worker leaves
MEMORY = 1 << 16  # bytes

LEFT: list[object] = []  # what nobody closes or frees any more


def leave(kind: str) -> None:
    """Leave one behind of any kind but CONNECTIONS, or none when a limit of the process is reached."""
    with contextlib.suppress(OSError, RuntimeError):
        LEFT.append(_MAKE[kind]())


def _thread() -> object:
    start, sleep = get_original("_thread", "start_new_thread"), get_original("time", "sleep")
    return start(sleep, (10**6,))


_MAKE: dict[str, Callable[[], object]] = {
    "fds": lambda: os.open(os.devnull, os.O_RDONLY),
    "threads": _thread,
    "memory": lambda: bytearray(b"x") * MEMORY,  # zeros alone would not be touched
}
KINDS = (*_MAKE, CONNECTIONS)
