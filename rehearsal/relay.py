"""python -m rehearsal.relay PORT[,PORT...] [FAULT] [options]: the network before a part of the test, and its faults.

Accepts connections on a free port, or at --at ADDRESS:PORT, and forwards them to PORT of this host, both ways. With
several ports they take turns, like the replicas of a service. SIGUSR1 begins its fault, SIGUSR2 ends it:

    reset   resets all open connections, as a failing firewall does; forwards later ones
    drop    silently drops what is sent over open connections
    outage  resets all open connections and all new ones
    deaf    drops requests to connect, without an answer; with --from ADDRESS those from there, from the start
    dead    drops all requests to connect, from the start

Prints one line when it is ready, `relay listening on 127.0.0.1:PORT`.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import contextlib  # noqa: E402
import itertools  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import struct  # noqa: E402
import sys  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
from gevent.server import StreamServer  # noqa: E402

from rehearsal.requests_to_connect import drop_requests_to_connect, take_requests_to_connect  # noqa: E402

FAULTS = ("none", "reset", "drop", "outage", "deaf", "dead")
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close at once, with RST


class Relay(StreamServer):
    """Forwards connections to its ports."""

    def __init__(self, at: tuple[str, int], ports: Sequence[int], fault: str, deaf_to: str | None) -> None:
        super().__init__(at, backlog=socket.SOMAXCONN)
        self._ports, self._fault, self._deaf_to = itertools.cycle(ports), fault, deaf_to
        self._open: set[socket.socket] = set()
        self._dropped: set[socket.socket] = set()
        self._is_out = False

    def handle(self, near: socket.socket, _address: Any) -> None:
        """Forward a connection until it ends."""
        if self._is_out:
            _reset(near)
            return
        try:
            far = socket.create_connection(("127.0.0.1", next(self._ports)))
        except OSError:
            _reset(near)
            return
        with far:
            self._open |= {near, far}
            back = gevent.spawn(self._pass_on, far, near)
            self._pass_on(near, far)
            back.join()
            self._open -= {near, far}
            self._dropped -= {near, far}

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if source not in self._dropped:
                    target.sendall(data)
        if source not in self._dropped:
            with contextlib.suppress(OSError):
                target.shutdown(socket.SHUT_WR)

    def begin(self) -> None:
        print(f"{self._fault}: {len(self._open) // 2} connections", flush=True)
        if self._fault == "drop":
            self._dropped |= self._open
        elif self._fault in {"deaf", "dead"}:
            drop_requests_to_connect(self.socket, self._deaf_to)
        elif self._fault != "none":
            self._is_out = self._fault == "outage"
            for end in list(self._open):
                _reset(end)

    def end(self) -> None:
        print(f"{self._fault}: over", flush=True)
        self._is_out = False
        if self._fault == "deaf":
            take_requests_to_connect(self.socket)


def _reset(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        end.close()


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal.relay", allow_abbrev=False)
    parser.add_argument("ports", metavar="PORT[,PORT...]")
    parser.add_argument("fault", choices=FAULTS, nargs="?", default="none")
    parser.add_argument("--from", metavar="ADDRESS", dest="deaf_to")
    parser.add_argument("--at", metavar="ADDRESS:PORT", default="127.0.0.1:0")
    given = parser.parse_args()
    host, _, port = given.at.rpartition(":")
    relay = Relay((host, int(port)), [int(port) for port in given.ports.split(",")], given.fault, given.deaf_to)
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, sys.exit, 0)
    gevent.signal_handler(signal.SIGUSR1, relay.begin)
    gevent.signal_handler(signal.SIGUSR2, relay.end)
    relay.start()
    if given.deaf_to or given.fault == "dead":
        relay.begin()
    print(f"relay listening on {host}:{relay.server_port}", flush=True)
    relay.serve_forever()


if __name__ == "__main__":
    main()
