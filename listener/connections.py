"""A connection, and the queues in which connections wait."""

from __future__ import annotations

import socket
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

    def due_at(self) -> float:
        """Return when the first one is due, in seconds of time.monotonic(); inf when there is none."""
        if not self:
            return inf
        since = next(iter(self.values())).since
        return since if since <= self.released else since + self.limit

    def due(self, now: float) -> Iterator[Connection]:
        """Return those that are due; the caller takes each out before it asks for the next."""
        while self.due_at() <= now:
            yield next(iter(self.values()))


class Kept:
    """The bytes of requests that wait for the rest of them, or for the answer to the one before."""

    def __init__(self) -> None:
        self.total = 0
        self._sizes: dict[int, int] = {}  # by descriptor; of most connections there are none

    def set(self, fd: int, size: int) -> None:
        """Tell that `size` bytes of `fd` are kept now."""
        self.total += size - self._sizes.pop(fd, 0)
        if size:
            self._sizes[fd] = size


class Connection:
    """One accepted connection: a raw descriptor and what is known about its request, so that 50,000 stay small."""

    __slots__ = ("fd", "muted", "parser", "queue", "reply", "rest", "since")

    reply: Reply
    """What answers the request that is held."""

    def __init__(self, fd: int, queue: Queue) -> None:
        self.fd = fd
        self.parser: Parser | None = None  # only while a request is incomplete
        self.rest = b""  # what came of the next request
        self.muted = False  # its further data waits in the kernel
        self.queue = queue
        self.enter(queue)

    def enter(self, queue: Queue) -> None:
        """Wait in `queue` from now on."""
        self.queue.pop(self.fd, None)
        self.queue, self.since = queue, monotonic()
        queue[self.fd] = self

    def peer_is_loopback(self) -> bool:
        """Tell whether the other end is on this host; not so when it is gone."""
        borrowed = socket.socket(fileno=self.fd)
        try:
            address = str(borrowed.getpeername()[0])
        except OSError:
            return False
        finally:
            borrowed.detach()
        return address == "::1" or address.removeprefix("::ffff:").startswith("127.")

    def end_sending(self) -> None:
        """Tell the peer that nothing more comes; raise OSError when it is gone."""
        borrowed = socket.socket(fileno=self.fd)
        try:
            borrowed.shutdown(socket.SHUT_WR)
        finally:
            borrowed.detach()
