"""The listeners' names: their addresses on this host, and whether a name server resolves them."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from inspector.addresses import plain

if TYPE_CHECKING:
    from inspector.addresses import Address

LOOPBACK = "127.0.0.1", "::1"
MOST_PORTS = 1000  # ports of a listener, because a client may ask for any range
MOST, MOST_KNOWN = 64, 256  # names that are looked up at one time, and that are remembered: clients may ask for any
PATIENCE = 0.2  # s for look-ups: a name server may hang, and the counts must not wait for it


class Name(NamedTuple):
    """A "host:port" text; the port may be a range, 8090-8099."""

    text: str
    host: str
    ports: range

    @classmethod
    def of(cls, text: str) -> Name:
        host, _, numbers = text.rpartition(":")
        first, _, last = numbers.partition("-")
        ports = (
            range(int(first), int(last or first) + 1) if first.isdecimal() and (last or "0").isdecimal() else range(1)
        )
        return cls(text, host.strip("[]"), ports[:MOST_PORTS])

    @property
    def loopback(self) -> bool:
        """Whether it is this host. libcurl asks no name server for localhost (RFC 6761)."""
        return self.host == "localhost" or self.host.endswith(".localhost")


def is_address(host: str) -> bool:
    """Whether it is an IP address."""
    try:
        return bool(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST))
    except (OSError, ValueError):
        return False


class Names:
    """Looks up names at each sample, each in its own thread, and remembers every address they had."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.addresses: dict[str, set[str]] = {}  # by host
        self.failures: dict[str, str] = {}  # of the last lookup, by host
        self.under_way: dict[str, float] = {}  # since when, by host; monotonic
        self.took: dict[str, float] = {}  # s of the last lookup, by host

    def look(self, listeners: tuple[str, ...]) -> tuple[frozenset[Address], dict[str, Any]]:
        """Return the addresses of the listeners, and the answer of `inspect` on their names."""
        names = [Name.of(text) for text in listeners]
        end = time.monotonic() + PATIENCE
        for thread in [self._start(host) for host in {name.host for name in names}]:
            if thread is not None:
                thread.join(max(0.0, end - time.monotonic()))
        with self.lock:
            now, took = time.monotonic(), self.took.copy()
            took.update({host: now - began for host, began in self.under_way.items()})
            found = {name: sorted(self._addresses(name)) for name in names}
            answer = {
                "listener_addresses": {name.text: ips for name, ips in found.items()},
                "unresolved": {
                    name.text: self.failures[name.host]
                    for name in names
                    if name.host in self.failures and not name.loopback
                },
                "lookup_seconds": round(max((took.get(name.host, 0.0) for name in names), default=0.0), 3),
            }
        return frozenset(plain(ip, port) for name, ips in found.items() for ip in ips for port in name.ports), answer

    def _addresses(self, name: Name) -> set[str]:
        found = self.addresses.get(name.host, set())
        return found.union(LOOPBACK) if name.loopback else found

    def _start(self, host: str) -> threading.Thread | None:
        """Look up a name unless that is under way. None also if this host has no thread left."""
        with self.lock:
            if host in self.under_way or len(self.under_way) >= MOST:
                return None
            if len(self.addresses) > MOST_KNOWN:
                self.addresses.clear()
                self.failures.clear()
                self.took.clear()
            self.under_way[host] = time.monotonic()
        if is_address(host):
            self._look_up(host)
            return None
        thread = threading.Thread(target=self._look_up, args=(host,), daemon=True)
        try:
            thread.start()
        except RuntimeError:
            with self.lock:
                del self.under_way[host]
            return None
        return thread

    def _look_up(self, host: str) -> None:
        failure, ips = "", set()  # type: str, set[str]
        try:
            ips = {str(address[0]) for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
        except (OSError, ValueError) as error:
            failure = (error.strerror if isinstance(error, OSError) else "") or "it is no name"
        with self.lock:
            self.took[host] = time.monotonic() - self.under_way.pop(host)
            self.addresses.setdefault(host, set()).update(plain(ip, 0)[0] for ip in ips)
            self.failures.pop(host, None)
            if failure:
                self.failures[host] = failure
