"""python -m rehearsal.relay PORT reset|drop|outage SECONDS: the network between broker and listener, and its faults.

Takes connections on a port of its own and passes on what comes to PORT of this host, both ways. So many seconds after
the first notification that is held it resets all connections, as a failing firewall does; or drops what is sent over
them from then on and tells nobody; or resets, for as many seconds again, all there are and all that come.
Prints one line when it is ready, `relay listening on 127.0.0.1:PORT`.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import contextlib  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import struct  # noqa: E402
import sys  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
from gevent.server import StreamServer  # noqa: E402

HELD = 1.0  # s without an answer: healthy subscribers answer at once
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close at once, with RST


class Relay:
    """Passes connections on until its fault begins; those that come after it are passed on all the same."""

    def __init__(self, port: int, fault: str, after: float) -> None:
        self._port, self._fault, self._after = port, fault, after
        self._open: set[socket.socket] = set()
        self._waiting: set[socket.socket] = set()  # for the answer to a notification
        self._dropped: set[socket.socket] = set()
        self._has_begun = self._is_out = False

    def serve(self, near: socket.socket, _address: Any) -> None:
        """Pass a connection on to its end."""
        if self._is_out:
            _reset(near)
            return
        with socket.create_connection(("127.0.0.1", self._port)) as far:
            self._open |= {near, far}
            back = gevent.spawn(self._pass_on, far, near)
            self._pass_on(near, far)
            back.join()
            self._open -= {near, far}
            self._dropped -= {near, far}
            self._waiting.discard(near)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._waiting.discard(target)
                if not self._has_begun and data.startswith(b"POST ") and not data.startswith(b"POST /-/"):
                    self._waiting.add(source)
                    gevent.spawn_later(HELD, self._look, source)
                if source not in self._dropped:
                    target.sendall(data)
        if source not in self._dropped:
            with contextlib.suppress(OSError):
                target.shutdown(socket.SHUT_WR)

    def _look(self, end: socket.socket) -> None:
        """Begin when a notification is held."""
        if end in self._waiting and not self._has_begun:
            self._has_begun = True
            gevent.spawn_later(max(0.0, self._after - HELD), self._fail)

    def _fail(self) -> None:
        print(f"{self._fault}: {len(self._open) // 2} connections", flush=True)
        if self._fault == "drop":
            self._dropped |= self._open
            return
        for end in list(self._open):
            _reset(end)
        if self._fault == "outage":
            self._is_out = True
            gevent.sleep(self._after)
            self._is_out = False


def _reset(end: socket.socket) -> None:
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    end.close()


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    port, fault, after = sys.argv[1:]
    server = StreamServer(("127.0.0.1", 0), Relay(int(port), fault, float(after)).serve, backlog=socket.SOMAXCONN)
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, sys.exit, 0)
    server.start()
    print(f"relay listening on 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
