"""IP addresses and ports: as the kernel has them, and as a name resolves on this host."""

from __future__ import annotations

import socket
import struct
from functools import lru_cache
from typing import TYPE_CHECKING

from inspector.errors import InspectionFailed

if TYPE_CHECKING:
    Address = tuple[str, int]  # IP, port


def address_of(family: int, port: int, *words: int) -> Address:
    """Return the address of a port in network order and an IP of four words, as the kernel has them."""
    packed = struct.pack("=4I", *words)
    return plain(socket.inet_ntop(family, packed[:4] if family == socket.AF_INET else packed), socket.ntohs(port))


def plain(ip: str, port: int) -> Address:
    """Return the address with an IPv4 one written as such, also where an IPv6 socket has it (RFC 4291, 2.5.5.2)."""
    return (ip[7:] if ip.startswith("::ffff:") and "." in ip else ip), port


@lru_cache(maxsize=8)
def resolve(listeners: tuple[str, ...]) -> frozenset[Address]:
    """Return the addresses that the "host:port" texts have on this host."""
    found: set[Address] = set()
    for text in listeners:
        host, _, port = text.rpartition(":")
        try:
            addresses = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        except (OSError, ValueError):
            raise InspectionFailed(f"cannot resolve the listener {text} on {socket.gethostname()}") from None
        found.update(plain(str(address[0]), int(address[1])) for *_, address in addresses)
    return frozenset(found)
