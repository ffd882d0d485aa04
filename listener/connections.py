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
    """Connections by descriptor, the one that waits longest first; each is due after `limit` seconds."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit
        self.released = -inf  # who came until then is due at once, in seconds of time.monotonic()

    def first(self) -> tuple[float, Connection | None]:
        """Return when the next one is due, in seconds of time.monotonic(), and that one; inf when there is none."""
        if not self:
            return inf, None
        connection = next(iter(self.values()))
        since = connection.since
        return since if since <= self.released else since + self.limit, connection

    def due(self, now: float) -> Iterator[Connection]:
        """Return those that are due; the caller takes each out before it asks for the next."""
        while (first := self.first())[0] <= now and first[1]:
            yield first[1]


class Kept:
    """The bytes of requests that wait for the rest of them, or for the answer to the one before."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._sizes: dict[int, int] = {}  # by descriptor; of most connections there are none

    def set(self, fd: int, size: int) -> bool:
        """Tell that `size` bytes of `fd` are kept now; return whether all together are within the limit."""
        self._left += self._sizes.pop(fd, 0) - size
        if size:
            self._sizes[fd] = size
        return self._left >= 0


class Connection:
    """One accepted connection: a raw descriptor and what is known about its request, so that 50,000 stay small."""

    __slots__ = ("answered", "fd", "muted", "parser", "queue", "reply", "rest", "since")

    reply: Reply
    """What answers the request that is held."""

    def __init__(self, fd: int, queue: Queue) -> None:
        self.fd = fd
        self.parser: Parser | None = None  # only while a request is incomplete
        self.rest = b""  # what came of the next request
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
        """Whether the other end is on this host; not so when it is gone."""
        borrowed = socket.socket(fileno=self.fd)
        try:
            address = str(borrowed.getpeername()[0])
        except OSError:
            return False
        finally:
            borrowed.detach()
        return address == "::1" or address.removeprefix("::ffff:").startswith("127.")

    def reset_at_close(self) -> None:
        """Have the kernel send RST in the place of FIN."""
        borrowed = socket.socket(fileno=self.fd)
        try:
            borrowed.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        finally:
            borrowed.detach()

    def end_sending(self) -> None:
        """Tell the peer that nothing more comes; raise OSError when it is gone."""
        borrowed = socket.socket(fileno=self.fd)
        try:
            borrowed.shutdown(socket.SHUT_WR)
        finally:
            borrowed.detach()
