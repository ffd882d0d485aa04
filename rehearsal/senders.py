"""Sender processes: forked children that hold the notifications' connections, if one process may not hold them all.

The queue, the workers and their counters stay in the parent. Each worker has a counterpart in one of the children,
which sends its notifications. Parent and child exchange JSON arrays, one per line, over a socket pair.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import gevent
from gevent.event import AsyncResult
from gevent.queue import Queue

from rehearsal.notifications import Notification, Worker
from rehearsal.supervisor import die_with_parent

TURN = 100  # lines read before other greenlets run


class _Channel:
    """One end of the socket pair. Messages that greenlets put at the same time are sent as one."""

    def __init__(self, end: socket.socket) -> None:
        self._end, self._outbox = end, Queue[bytes]()
        gevent.spawn(self._write)

    def put(self, *message: object) -> None:
        self._outbox.put(json.dumps(message).encode() + b"\n")

    def _write(self) -> None:
        with contextlib.suppress(OSError):  # the other process has ended, which ends the reading too
            while True:
                lines = [self._outbox.get()]
                while not self._outbox.empty():
                    lines.append(self._outbox.get())
                self._end.sendall(b"".join(lines))

    def __iter__(self) -> Iterator[list[Any]]:
        """Yield messages until the other process ends."""
        with contextlib.suppress(OSError), self._end.makefile("rb") as lines:
            for number, line in enumerate(lines):
                if number % TURN == 0:
                    gevent.sleep(0)
                yield json.loads(line)


class SenderProcess:
    """A child as the parent sees it. The parent ends with its children, and they with it."""

    def __init__(self, end: socket.socket) -> None:
        self._channel = _Channel(end)
        self._waiting: dict[int, AsyncResult[bool]] = {}
        gevent.spawn(self._read)

    def send(self, worker: int, notification: Notification) -> bool:
        """Have the child's worker of that number send, and wait. Return whether there was an answer."""
        waiting = self._waiting[worker] = AsyncResult()
        self._channel.put(worker, *(getattr(notification, name) for name in Notification.__slots__))
        return bool(waiting.get())

    def _read(self) -> None:
        for worker, is_sent in self._channel:
            self._waiting.pop(worker).set(is_sent)
        print("a sender process has ended, and so do I", file=sys.stderr, flush=True)
        os._exit(1)


class RemoteWorker:
    """The parent's half of a worker."""

    def __init__(self, number: int, process: SenderProcess) -> None:
        self._number, self._process = number, process

    def send(self, notification: Notification) -> bool:
        """Send and wait, as Worker does."""
        return self._process.send(self._number, notification)


def fork(processes: int, new_worker: Callable[[], Worker]) -> Callable[[], RemoteWorker]:
    """Start the children, and return what makes workers. Call it before there are greenlets or files to inherit."""
    ends: list[socket.socket] = []
    for _ in range(processes):
        ours, theirs = socket.socketpair()
        ends.append(ours)
        if os.fork() == 0:
            for end in ends:
                end.close()
            _serve(theirs, new_worker)
        theirs.close()
    children, numbers = [SenderProcess(end) for end in ends], itertools.count()

    def new_remote_worker() -> RemoteWorker:
        number = next(numbers)
        return RemoteWorker(number, children[number % processes])

    return new_remote_worker


def _serve(end: socket.socket, new_worker: Callable[[], Worker]) -> NoReturn:
    """Send the parent's notifications until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent
    die_with_parent()
    gc.freeze()
    channel, workers = _Channel(end), dict[int, Worker]()

    def send(number: int, notification: Notification) -> None:
        worker = workers.get(number) or workers.setdefault(number, new_worker())
        channel.put(number, worker.send(notification))

    for number, *fields in channel:
        notification = Notification(*fields)
        gevent.spawn(send, number, notification)
    os._exit(0)
