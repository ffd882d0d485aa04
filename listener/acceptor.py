"""Accepts connections, and pauses if the system has no descriptors left."""

from __future__ import annotations

import socket
from collections.abc import Callable
from errno import EMFILE, ENFILE
from functools import partial
from math import inf
from time import monotonic

from listener.output import ERR, say
from listener.stats import Counts

PER_TURN = 256  # connections accepted before existing ones get their turn
PAUSE = 1.0  # seconds without accepting after accept failed


class Acceptor:
    """Passes the descriptor of each connection to `take`. `watch` calls when a listening socket has one."""

    def __init__(
        self,
        listening: list[socket.socket],
        counts: Counts,
        watch: Callable[[int, Callable[[], None]], None],
        unwatch: Callable[[int], None],
        take: Callable[[int], None],
    ) -> None:
        self._listening, self._counts, self._take = listening, counts, take
        self._watch, self._unwatch = watch, unwatch
        self.resume_at = inf  # when a pause ends, in seconds of time.monotonic()
        self.resume()

    def resume(self) -> None:
        """Accept from now on."""
        self.resume_at = inf
        for listening in self._listening:
            self._watch(listening.fileno(), partial(self._accept, listening))

    def accept(self) -> None:
        """Take a burst of connections from each port."""
        for listening in self._listening:
            self._accept(listening)

    def _accept(self, listening: socket.socket) -> None:
        if self.resume_at < inf:  # another port has already run out of descriptors
            return
        for _ in range(PER_TURN):
            try:
                accepted, _ = listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause(error)
                return
            accepted.setblocking(False)
            self._counts.accepted += 1
            self._take(accepted.detach())

    def _pause(self, error: OSError) -> None:
        """Accept nothing for a while, because retrying at once would only use CPU."""
        reason = (error.strerror or str(error)).lower()
        say(f"accept: {reason}; retrying in {PAUSE:.0f}s", ERR)
        self._counts.out_of_descriptors += error.errno in (EMFILE, ENFILE)
        self.resume_at = monotonic() + PAUSE
        for listening in self._listening:
            self._unwatch(listening.fileno())
