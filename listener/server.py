"""The event loop of one process: accepts, reads, holds and answers, all on one epoll that gevent's loop waits for.

Each connection is in one of several queues, by what it waits for: `reading` (the rest of its request), one of the
behaviours (the moment of its answer), `idle` (another request), `closing` (the peer to read the last answer). The first
in a queue is due first, and no other is ever looked at.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable
from functools import partial
from itertools import islice
from math import inf
from time import monotonic
from typing import NoReturn

import gevent

from listener.acceptor import PER_TURN, Acceptor
from listener.admin import administer
from listener.behaviours import Behaviour, Behaviours
from listener.connections import Connection, Kept, Queue
from listener.http import Rejected, Reply, Request, closing, failure, ok, parse
from listener.options import Options
from listener.stats import Counts, Stats

READ = 16 * 1024  # bytes
KEPT = 64 * 1024 * 1024  # bytes of all incomplete requests; more are refused
PARSER = 1024  # bytes for the state of reading a request
LINGER = 0.5  # seconds for a peer to read the last answer: closing with unread data would destroy it
LONGEST_SLEEP = 3600.0  # seconds
GONE = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


class Server:
    """Serves the `listening` sockets, as process number `process` of those that share `stats`."""

    def __init__(self, options: Options, listening: list[socket.socket], stats: Stats, process: int) -> None:
        self._options, self._stats, self._process = options, stats, process
        self._counts = Counts()
        self._connections: dict[int, Connection] = {}
        self._kept = Kept(KEPT // options.processes)
        self._reading, self._idle = Queue(options.timeout or inf), Queue(options.timeout or inf)
        self._closing = Queue(LINGER)
        self._behaviours = Behaviours(
            options.delay, partial(stats.notified.note, process), partial(stats.arrivals.note, process)
        )
        self._when_due: list[tuple[Queue, Callable[[Connection], None]]] = [
            *((behaviour, partial(self._finish, behaviour)) for behaviour in self._behaviours.all),
            (self._reading, self._cut),
            (self._idle, self.close),
            (self._closing, self.close),
        ]
        self._epoll = select.epoll()
        self._loop = gevent.get_hub().loop
        self._watcher = self._loop.io(self._epoll.fileno(), 1)  # 1: readable
        self._timer = self._loop.timer(0)
        self._calls: dict[int, Callable[[], None]] = {}
        self._acceptor = Acceptor(listening, self._counts, self.watch, self._epoll.unregister, self._take)
        self.watch(stats.wakes, self.publish, select.EPOLLIN | select.EPOLLET)  # never read: each write is an event

    def watch(self, fd: int, call: Callable[[], None], events: int = select.EPOLLIN) -> None:
        """Call `call` whenever `fd` has one of `events`."""
        self._epoll.register(fd, events)
        self._calls[fd] = call

    def every(self, interval: float, tick: Callable[[], None]) -> None:
        """Call `tick` every `interval` seconds."""
        self._ticker = self._loop.timer(interval, interval)
        self._ticker.start(tick, update=True)

    def run(self) -> NoReturn:
        """Serve until an exception (a signal's) ends it."""
        self._watcher.start(self._work)
        self._work()
        gevent.get_hub().switch()
        raise AssertionError("gevent's loop ended")

    def _work(self) -> None:
        """Serve ready connections, do what is due, and wait for gevent's loop again."""
        ready = self._epoll.poll(0, PER_TURN)
        if len(ready) == PER_TURN:  # more are waiting: new connections must not wait for all of them
            self._acceptor.accept()
        for fd, events in ready:
            if connection := self._connections.get(fd):
                self._on_event(connection, events)
            else:
                self._calls[fd]()
        self._timer.stop()
        self._timer = self._loop.timer(self._turn())
        self._timer.start(self._work, update=True)

    def publish(self) -> None:
        """Update this process's share of the statistics."""
        self._counts.open = len(self._connections)
        self._stats.publish(self._process, self._counts, self._behaviours.all)

    def _turn(self) -> float:
        """Do what is due; return the seconds until more is."""
        now = monotonic()
        self._behaviours.release(self._stats.released)
        for queue, act in self._when_due:
            if queue:
                for connection in islice(queue.due(now), PER_TURN):
                    act(connection)
        if now >= self._acceptor.resume_at:
            self._acceptor.resume()
        self.publish()
        due_at = min(self._acceptor.resume_at, inf, *(queue.first()[0] for queue, _ in self._when_due if queue))
        return min(max(0.0, due_at - monotonic()), LONGEST_SLEEP)

    def _take(self, fd: int) -> None:
        """Serve a new connection and its first bytes."""
        self._connections[fd] = connection = Connection(fd, self._reading)
        self._epoll.register(fd, select.EPOLLIN | select.EPOLLRDHUP)
        self._read(connection)

    def _on_event(self, connection: Connection, events: int) -> None:
        if not isinstance(connection.queue, Behaviour):
            self._read(connection)
        elif events & GONE:
            self._counts.abandoned += 1
            self.close(connection)
        else:  # the next request, before its time, stays in the kernel
            connection.muted = True
            self._epoll.modify(connection.fd, select.EPOLLRDHUP)

    def _read(self, connection: Connection) -> None:
        try:
            data = os.read(connection.fd, READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close(connection)
        elif connection.queue is not self._closing:
            self._feed(connection, data)

    def _feed(self, connection: Connection, data: bytes) -> None:
        """Process what was read: requests, until one has to wait or the connection ends."""
        while data and (request := self._request(connection, data)):
            data = request.rest
            if request.path.startswith(b"/-/"):
                self.publish()
                self._send(connection, administer(request, connection, self._options, self._stats))
            else:
                behaviour = self._behaviours.of(request.path)
                self._counts.unnumbered += not behaviour.note(request.body)
                if behaviour.limit and data and not self._keep(connection, len(data)):
                    return
                connection.reply = ok(request, self._options.close)
                connection.enter(behaviour)
                if behaviour.limit:
                    connection.rest = data
                    return
                behaviour.finish(connection, self)
            if connection.queue is not self._idle:
                return

    def _request(self, connection: Connection, data: bytes) -> Request | None:
        """Return the request that `data` completes; None if it is incomplete or refused."""
        begun = connection.parser
        connection.parser = parser = begun or parse(data)
        try:
            halfway = parser.send(data if begun else None)
        except StopIteration as end:
            if begun:
                self._kept.set(connection.fd, 0)
            connection.parser = None
            request: Request = end.value
            return request
        except Rejected as rejected:
            self._refuse(connection, rejected.status)
            return None
        if connection.queue is not self._reading:
            connection.enter(self._reading)
        if self._keep(connection, PARSER + halfway.kept):
            self.write(connection, halfway.interim)
        return None

    def _keep(self, connection: Connection, size: int) -> bool:
        """Keep `size` bytes of a request. Without room refuse the request and return False."""
        if self._kept.set(connection.fd, size):
            return True
        self._refuse(connection, 503)
        return False

    def _refuse(self, connection: Connection, status: int) -> None:
        self._counts.rejected += 1
        self._kept.set(connection.fd, 0)
        connection.parser = None
        self._send(connection, failure(status))

    def answer(self, connection: Connection, reply: Reply) -> None:
        """Send the whole answer, or the rest of one."""
        to_close = connection.since <= self._stats.released and self._stats.released_to_close
        self._send(connection, closing(reply) if to_close else reply)

    def _finish(self, behaviour: Behaviour, connection: Connection) -> None:
        """Do what is due, and continue with what the peer sent meanwhile."""
        behaviour.finish(connection, self)
        if connection.queue is not self._idle:
            return
        if connection.muted:
            connection.muted = False
            self._epoll.modify(connection.fd, select.EPOLLIN | select.EPOLLRDHUP)
        rest, connection.rest = connection.rest, b""
        if rest:
            self._kept.set(connection.fd, 0)
            self._feed(connection, rest)

    def _send(self, connection: Connection, reply: Reply) -> None:
        """Send an answer. The connection is then idle, or about to be closed."""
        if not self.write(connection, reply.data):
            return
        if not reply.close:
            connection.enter(self._idle)
            return
        try:
            connection.end_sending()
        except OSError:
            self.close(connection)
        else:
            connection.enter(self._closing)

    def write(self, connection: Connection, data: bytes) -> bool:
        """Write. Close the connection if the peer is gone or no longer reads its answers."""
        try:
            if not data or os.write(connection.fd, data) == len(data):
                return True
        except OSError:
            pass
        self.close(connection)
        return False

    def _cut(self, connection: Connection) -> None:
        self._counts.rejected += connection.parser is not None
        self.close(connection)

    def close(self, connection: Connection) -> None:
        if connection.parser or connection.rest:
            self._kept.set(connection.fd, 0)
        del self._connections[connection.fd], connection.queue[connection.fd]
        connection.queue = self._closing  # whoever goes on with it sees that it is gone
        os.close(connection.fd)
