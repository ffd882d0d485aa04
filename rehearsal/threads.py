"""Threads for what are threads in Orion and greenlets here: the kernel's own, idle, so that every limit counts them.

Orion 4.7.0 with `threadpool:60000:400` has 403: the workers, one that accepts, one for the cache, and the first. It has
one more for each connection that it serves, unless it has `-reqPoolSize`.
"""

from __future__ import annotations

import _thread

from gevent.monkey import get_original

_start, _lock = get_original("_thread", "start_new_thread"), get_original("_thread", "allocate_lock")
_thread.stack_size(1 << 16)  # B: the least that holds the interpreter; they only wait


class Thread:
    """One thread, until `end`. Raises RuntimeError if a limit does not allow another one."""

    def __init__(self) -> None:
        self._ended = _lock()
        self._ended.acquire()
        _start(self._ended.acquire, ())

    def end(self) -> None:
        self._ended.release()
