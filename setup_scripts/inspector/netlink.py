"""The kernel's list of TCP sockets: sock_diag(7), linux/inet_diag.h."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, NamedTuple

from inspector.addresses import address_of

if TYPE_CHECKING:
    from collections.abc import Iterator

NETLINK_SOCK_DIAG, TCPDIAG_GETSOCK = 4, 18  # this request has IPv4 and IPv6 in one walk over the kernel's table
NLM_F_REQUEST_DUMP, NLMSG_ERROR, NLMSG_DONE = 0x301, 2, 3
MESSAGE = 88  # bytes of nlmsghdr and inet_diag_msg; attributes may follow
# net/tcp_states.h, with the names of netstat(8)
STATES = (
    "", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT",
    "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING",
)  # fmt: skip
LISTEN, ESTABLISHED = STATES.index("LISTEN"), STATES.index("ESTABLISHED")
HELD_STATES = sum(1 << number for number, state in enumerate(STATES) if state not in ("", "TIME_WAIT"))


class Listening(NamedTuple):
    """A listening socket: connections waiting to be accepted, and the most that may wait (None: unknown)."""

    ip: str
    port: int
    queue: int
    backlog: int | None
    inode: int


class Sockets:
    """Some hundred sockets as the kernel returned them, `step` bytes each, read by column; ports in network order."""

    def __init__(self, messages: bytes, step: int) -> None:
        self.messages, self.step = messages, step
        self.states = messages[17::step]
        self.local_ports = memoryview(messages).cast("H")[10 :: step // 2]
        self.inodes = self.words(21)

    def words(self, number: int) -> memoryview:
        """Return the column of 32 bits at a place."""
        return memoryview(self.messages).cast("I")[number :: self.step // 4]

    def listening(self) -> Iterator[Listening]:
        """Yield the sockets that listen."""
        place = self.states.find(LISTEN)
        while place >= 0:
            start = place * self.step
            end = struct.unpack_from("=4I", self.messages, start + 24)
            ip, port = address_of(self.messages[start + 16], self.local_ports[place], *end)
            yield Listening(ip, port, self.words(18)[place], self.words(19)[place], self.inodes[place])
            place = self.states.find(LISTEN, place + 1)

    def remotes(self) -> Iterator[tuple[int, ...]]:
        """Yield family, remote port and remote address in four words."""
        ports = memoryview(self.messages).cast("H")[11 :: self.step // 2]
        return zip(self.messages[16 :: self.step], ports, *map(self.words, range(10, 14)))


def kernel_sockets() -> Iterator[Sockets]:
    """Yield the TCP sockets of this network namespace; OSError without sock_diag."""
    body, more = struct.pack("=B51xII", socket.AF_INET, HELD_STATES, 0), True
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG) as kernel:
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 1, 0))
        kernel.send(struct.pack("=IHHII", 16 + len(body), TCPDIAG_GETSOCK, NLM_F_REQUEST_DUMP, 0, 0) + body)
        while more:
            messages, step, more = _of_one_length(kernel.recv(1 << 16))
            yield Sockets(messages, step)


def _of_one_length(answer: bytes) -> tuple[bytes, int, bool]:
    """Return an answer's messages, all of one length, that length, and whether more answers follow."""
    length, kind = struct.unpack_from("=IH", answer)
    if kind == NLMSG_ERROR:
        raise OSError("the kernel does not list its sockets")
    number, rest = divmod(len(answer), length)  # below 64 kB, so two bytes of each length tell
    if not rest and all(answer[n::length].count(answer[n]) == number for n in (0, 1)) and kind != NLMSG_DONE:
        return answer, length, True
    start, messages = 0, []
    while start < len(answer) and kind != NLMSG_DONE:
        messages.append(answer[start : start + MESSAGE])
        start += length
        length, kind = struct.unpack_from("=IH", answer, start) if start < len(answer) else (0, kind)
    return b"".join(messages), MESSAGE, kind != NLMSG_DONE
