"""IP addresses and ports, as the kernel has them."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Address = tuple[str, int]  # IP, port


def address_of(family: int, port: int, *words: int) -> Address:
    """Return the address of a port in network order and an IP of four words, as the kernel has them."""
    packed = struct.pack("=4I", *words)
    return plain(socket.inet_ntop(family, packed[:4] if family == socket.AF_INET else packed), socket.ntohs(port))


def plain(ip: str, port: int) -> Address:
    """Return the address with an IPv4 one written as such, also where an IPv6 socket has it (RFC 4291, 2.5.5.2)."""
    return (ip[7:] if ip.startswith("::ffff:") and "." in ip else ip), port
