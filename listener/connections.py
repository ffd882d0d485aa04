"""A connection, and the queues in which connections wait."""

from __future__ import annotations

import socket
import struct
from collections import OrderedDict
from collections.abc import Iterator
from math import inf
from time import monotonic

from listener.http import Parser, Reply


class Queue(OrderedDict[int, "Connection"]):
    """Connections by descriptor, longest waiting first. Each is due after `limit` seconds."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit
        self.released = -inf  # connections from before this time (time.monotonic()) are due at once

    def first(self) -> tuple[float, Connection | None]:
        """Return when the next connection is due (s of time.monotonic()) and that connection; inf and None if empty."""
        if not self:
            return inf, None
        connection = next(iter(self.values()))
        since = connection.since
        return since if since <= self.released else since + self.limit, connection

    def due(self, now: float) -> Iterator[Connection]:
        """Yield the connections that are due. The caller removes each before it asks for the next."""
        while (first := self.first())[0] <= now and first[1]:
            yield first[1]


class Kept:
    """The bytes of incomplete requests, and of requests behind an unanswered one."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._sizes: dict[int, int] = {}  # by descriptor; most connections have none

    def set(self, fd: int, size: int) -> bool:
        """Record that `size` bytes of `fd` are kept. Return whether the total is within the limit."""
        self._left += self._sizes.pop(fd, 0) - size
        if size:
            self._sizes[fd] = size
        return self._left >= 0


class Connection:
    """One accepted connection: only a raw descriptor and the state of its request, so that 50,000 stay small."""

    __slots__ = ("answered", "fd", "muted", "parser", "queue", "reply", "rest", "since")

    reply: Reply
    """The answer to the held request, or the part of it that is still to be sent."""

    def __init__(self, fd: int, queue: Queue) -> None:
        self.fd = fd
        self.parser: Parser | None = None  # only while a request is incomplete
        self.rest = b""  # first bytes of the next request
        self.muted = False  # its further data waits in the kernel
        self.answered = False  # a notification of a slow receiver came over it, and its sender keeps it
        self.queue = queue
        self.enter(queue)

    def enter(self, queue: Queue) -> None:
        """Wait in `queue` from now on."""
        self.queue.pop(self.fd, None)
        self.queue, self.since = queue, monotonic()
        queue[self.fd] = self

    def peer_is_loopback(self) -> bool:
        """Whether the other end is on this host; False if it is gone."""
        borrowed = socket.socket(fileno=self.fd)
        try:
            address = str(borrowed.getpeername()[0])
        except OSError:
            return False
        finally:
            borrowed.detach()
        return address == "::1" or address.removeprefix("::ffff:").startswith("127.")

    def reset_at_close(self) -> None:
        """Make the kernel send RST instead of FIN."""
        borrowed = socket.socket(fileno=self.fd)
        try:
            borrowed.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        finally:
            borrowed.detach()

    def end_sending(self) -> None:
        """Shut down the sending side. Raises OSError if the peer is gone."""
        borrowed = socket.socket(fileno=self.fd)
        try:
            borrowed.shutdown(socket.SHUT_WR)
        finally:
            borrowed.detach()
