"""Leaks: what the broker leaves behind after each notification, for a soak test to find."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable

from gevent.monkey import get_original

CONNECTIONS = "connections"  # the notification's own, which its worker leaves
MEMORY = 1 << 16  # bytes, where no number is given
HEAD = sys.getsizeof(b"")  # bytes of a bytes object that are not its contents

LEFT: list[object] = []  # never closed or freed


def leave(kind: str) -> None:
    """Leak one of a kind other than CONNECTIONS. Leak nothing if a limit of the process is reached."""
    name, _, size = kind.partition(":")
    with contextlib.suppress(OSError, RuntimeError):
        LEFT.append(_memory(int(size)) if size else _MAKE[name]())


def is_kind(text: str) -> bool:
    """Whether `text` is one of KINDS, or memory:BYTES with 10 to 999999 bytes, as rehearse.sh says."""
    return text in KINDS or re.fullmatch(r"memory:[1-9][0-9]{1,5}", text, re.ASCII) is not None


def _memory(size: int) -> bytes:
    return b"x" * max(1, size - HEAD)  # zeros alone would not be touched


def _thread() -> object:
    start, sleep = get_original("_thread", "start_new_thread"), get_original("time", "sleep")
    return start(sleep, (10**6,))


_MAKE: dict[str, Callable[[], object]] = {
    "fds": lambda: os.open(os.devnull, os.O_RDONLY),
    "threads": _thread,
    "memory": lambda: _memory(MEMORY),
}
KINDS = (*_MAKE, CONNECTIONS)
