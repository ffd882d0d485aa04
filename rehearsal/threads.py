"""Threads that Orion has where this process has greenlets: the kernel's own, parked, so that every limit counts them.

Orion 4.7.0 with `threadpool:60000:400` has 403: the workers, one that accepts, one of the cache, and the first; one
more for each connection that it serves, unless it has `-reqPoolSize`.
"""

from __future__ import annotations

import _thread

from gevent.monkey import get_original

_start, _lock = get_original("_thread", "start_new_thread"), get_original("_thread", "allocate_lock")
_thread.stack_size(1 << 16)  # B: the least that holds the interpreter; they only wait


class Thread:
    """One thread, from its making to `end`. RuntimeError: no limit leaves room for it."""

    def __init__(self) -> None:
        self._ended = _lock()
        self._ended.acquire()
        _start(self._ended.acquire, ())

    def end(self) -> None:
        self._ended.release()
