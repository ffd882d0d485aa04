"""How the broker reaches its receivers: how it resolves names, and from which addresses and ports it connects."""

from __future__ import annotations

import itertools
import socket
import struct
from typing import Any
from urllib.parse import urlsplit

import gevent
from gevent.lock import RLock

from rehearsal.options import Names

IP_BIND_ADDRESS_NO_PORT, IP_LOCAL_PORT_RANGE = 24, 51  # ip(7); Linux 6.3: highest port << 16 | lowest
FIRST_PORT = 40_000  # within the system's own range
SLOW = 5.0  # s: what a resolver waits before it asks again
Addresses = list[tuple[int, Any]]


class Network:
    """The way to the receivers. `source`: the address to connect from; `ports`: most local ports; None: no limit."""

    def __init__(self, names: Names, ports: int | None, source: str | None) -> None:
        self._names, self._ports, self._source = names, ports, source
        self._known: dict[str, Addresses] = {}
        self._asking = RLock()
        self._lookups = itertools.count(1)

    def look_up(self, url: str) -> Addresses:
        """Return the addresses of a URL's host, the same each time. Raises OSError if there is none."""
        names = self._names
        if names.slow_each and next(self._lookups) % names.slow_each == 0:
            gevent.sleep(SLOW)
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 80
        with self._asking:  # once, not thousands of times
            if parts.netloc not in self._known:
                name = names.instead.get(host, host)
                if not name:
                    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
                found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
                self._known[parts.netloc] = [(family, address) for family, _, _, _, address in found]
        return self._known[parts.netloc]

    def connect(self, addresses: Addresses) -> socket.socket:
        """Connect to the first address that accepts. Raises OSError if none does, or no descriptor or port is free."""
        failure = OSError("no address")
        for family, address in addresses:
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                self._bind(connection)
                connection.connect(address)
            except OSError as error:
                connection.close()
                failure = error
            except gevent.Timeout:
                connection.close()
                raise
            else:
                return connection
        raise failure

    def _bind(self, connection: socket.socket) -> None:
        if self._ports:
            limit_ports(connection, self._ports)
        if self._source:
            connection.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            connection.bind((self._source, 0))


def limit_ports(connection: socket.socket, ports: int) -> None:
    """Restrict a socket to `ports` local ports. Raises OSError if the system cannot do that."""
    span = struct.pack("=I", (FIRST_PORT + ports - 1) << 16 | FIRST_PORT)
    connection.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, span)
