"""Makes a listening socket drop requests to connect, as a firewall's rule does, by a filter in the kernel.

See "Linux Socket Filtering" in the kernel's documentation. It needs no privilege.
"""

from __future__ import annotations

import ctypes
import socket
import struct

SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
_BYTE, _WORD, _AND, _IF_EQUAL, _RETURN = 0x30, 0x20, 0x54, 0x15, 0x06
_FLAGS, _SYN, _SYN_AND_ACK = 13, 0x02, 0x12  # of the TCP header
_SOURCE = 0xFFF00000 + 12  # of the IP header: SKF_NET_OFF, and where its source address is
_ALL = 0xFFFFFFFF


def drop_requests_to_connect(listening: socket.socket, source: str | None = None) -> None:
    """Drop each SYN from now on, or those from an IPv4 address (None: from all). Open connections continue."""
    steps = [(_BYTE, 0, 0, _FLAGS), (_AND, 0, 0, _SYN_AND_ACK)]
    if source:
        (number,) = struct.unpack("!I", socket.inet_aton(source))
        steps += [(_IF_EQUAL, 0, 3, _SYN), (_WORD, 0, 0, _SOURCE), (_IF_EQUAL, 0, 1, number)]
    else:
        steps += [(_IF_EQUAL, 0, 1, _SYN)]
    steps += [(_RETURN, 0, 0, 0), (_RETURN, 0, 0, _ALL)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    listening.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(steps), ctypes.addressof(program)))


def take_requests_to_connect(listening: socket.socket) -> None:
    listening.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
