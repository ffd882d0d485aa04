"""The HTTP server: gevent's own, with Orion's behaviour when descriptors run out or pass 1023."""

from __future__ import annotations

import errno
import socket
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import gevent
from gevent.pywsgi import WSGIServer

FD_SETSIZE = 1024  # sys/select.h: what select() can watch
RETRY = 0.1  # s between two tries to accept while no descriptor is free
Application = Callable[[dict[str, Any], Callable[..., object]], Iterable[bytes]]


class Server(WSGIServer):
    """Serves connections for as long as their clients like, quietly."""

    backlog = socket.SOMAXCONN

    def __init__(self, address: tuple[str, int], application: Application, legacy_select: bool) -> None:
        super().__init__(address, application, log=None, error_log=None)
        self._legacy_select = legacy_select
        self._said = -1.0

    def do_read(self) -> tuple[Any, Any] | None:  # type: ignore[override]  # gevent's may return None too
        """Accept a connection; None when there is none to serve."""
        try:
            accepted = super().do_read()
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self._pause(error)
            return None
        if accepted and self._legacy_select and accepted[0].fileno() >= FD_SETSIZE:
            accepted[0].close()
            return None
        return accepted

    def _pause(self, error: OSError) -> None:
        """Leave the waiting connections to the kernel for a while: to be told of them at once would be to spin."""
        self.stop_accepting()
        gevent.spawn_later(RETRY, self.start_accepting)
        if time.monotonic() - self._said >= 1:
            self._said = time.monotonic()
            print(f"cannot accept a connection: {error.strerror}", file=sys.stderr, flush=True)
