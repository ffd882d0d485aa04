"""The HTTP server: gevent's own, with Orion's behaviour when there are too many descriptors, clients or threads."""

from __future__ import annotations

import errno
import socket
import sys
import time
from typing import Any, Literal

import gevent
from gevent.pywsgi import WSGIServer

from rehearsal.options import Options
from rehearsal.threads import Thread
from rehearsal.wsgi import Application

FD_SETSIZE = 1024  # sys/select.h: what select() can watch
RETRY = 0.1  # s between two tries to accept while no descriptor is free


class Server(WSGIServer):
    """A server that never closes a client's idle connection, and logs nothing.

    Without `-reqPoolSize` each connection has a thread, and connections above `-maxConnections` are closed at once.
    With it there are so many threads for all connections, and those above `-maxConnections` wait in the kernel's queue.
    libmicrohttpd in Orion 4.7.0 does the same.
    """

    def __init__(self, options: Options, application: Application) -> None:
        self._legacy_select, self._most = options.legacy_select, options.max_connections
        self._threads: dict[socket.socket, Thread] = {}
        self._pool = [Thread() for _ in range(options.request_pool)]
        self._said = -1.0
        self.backlog = options.backlog
        address = (options.address, options.port)
        spawn: int | Literal["default"] = self._most if self._pool else "default"  # as many at a time, or any number
        super().__init__(address, application, log=None, error_log=None, spawn=spawn)

    def do_read(self) -> tuple[Any, Any] | None:  # type: ignore[override]  # gevent's may return None too
        """Accept a connection, or return None if there is none to serve."""
        try:
            accepted = super().do_read()
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self._pause(error)
            return None
        if accepted and not self._admits(accepted[0]):
            accepted[0].close()
            return None
        return accepted

    def _admits(self, connection: socket.socket) -> bool:
        """Whether a new connection can be served. If so, it gets its thread."""
        if self._legacy_select and connection.fileno() >= FD_SETSIZE:
            return False
        if self._pool:
            return True
        if len(self._threads) >= self._most:
            return False
        try:
            self._threads[connection] = Thread()
        except RuntimeError:
            return False
        return True

    def handle(self, connection: socket.socket, address: Any) -> None:
        try:
            super().handle(connection, address)
        finally:
            if thread := self._threads.pop(connection, None):
                thread.end()

    def _pause(self, error: OSError) -> None:
        """Accept nothing for a while, because retrying at once would only use CPU."""
        self.stop_accepting()
        gevent.spawn_later(RETRY, self.start_accepting)
        if time.monotonic() - self._said >= 1:
            self._said = time.monotonic()
            print(f"cannot accept a connection: {error.strerror}", file=sys.stderr, flush=True)
