"""Notifications and their senders, each with the connection and the descriptors that libcurl gives it on Orion."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any, Protocol
from urllib.parse import urlsplit

import gevent
from gevent.queue import Full, Queue

from rehearsal import leaks
from rehearsal.options import NotificationMode

VERSION, LIBCURL = "3.10.1", "7.88.1"
IP_LOCAL_PORT_RANGE = 51  # ip(7), Linux 6.3: highest port << 16 | lowest, within the system's own range
FIRST_PORT = 40_000


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification. `data` is the entity as JSON."""

    url: str
    service: str
    service_path: str
    correlator: str
    subscription_id: str
    data: str

    def request(self) -> bytes:
        """Return the request as Orion sends it, headers in its order."""
        url = urlsplit(self.url)
        body = f'{{"subscriptionId":"{self.subscription_id}","data":[{self.data}]}}'.encode()
        head = (
            f"POST {url.path or '/'}{'?' if url.query else ''}{url.query} HTTP/1.1",
            f"Host: {url.netloc}",
            f"User-Agent: orion/{VERSION} libcurl/{LIBCURL}",
            *([f"Fiware-Service: {self.service}"] if self.service else []),
            f"Fiware-Servicepath: {self.service_path}",
            "Accept: application/json",
            f"Content-Length: {len(body)}",
            "Content-Type: application/json; charset=utf-8",
            f"Fiware-Correlator: {self.correlator}",
            "Ngsiv2-AttrsFormat: normalized",
        )
        return "\r\n".join((*head, "", "")).encode() + body


class Sender(Protocol):
    """Who sends one notification at a time."""

    def send(self, notification: Notification) -> bool:
        """Send and wait for the answer; tell whether there was one, whatever its status."""
        ...


class Worker:
    """One sender: a connection that stays open after the answer until the next use, and libcurl's own socket pair."""

    def __init__(self, timeout: float, wakeup_pair: bool, ports: int | None, leak: str | None) -> None:
        self._timeout, self._wakeup_pair, self._ports, self._leak = timeout, wakeup_pair, ports, leak
        self._pair: tuple[socket.socket, socket.socket] | None = None
        self._connection: socket.socket | None = None
        self._addresses: _Addresses = []

    def send(self, notification: Notification) -> bool:
        """Send and wait for the answer, at most the timeout; tell whether there was one, whatever its status."""
        try:
            with gevent.Timeout(self._timeout):
                self._exchange(notification)
        except (OSError, HTTPException, gevent.Timeout):
            self._disconnect()
            return False
        else:
            return True
        finally:
            if self._leak == leaks.CONNECTIONS:
                self._disconnect()
            elif self._leak:
                leaks.leave(self._leak)

    def close(self) -> None:
        """Give back all descriptors."""
        self._disconnect()
        for end in self._pair or ():
            end.close()

    def _exchange(self, notification: Notification) -> None:
        addresses = look_up(notification.url)
        if self._wakeup_pair:
            self._pair = self._pair or socket.socketpair()
        connection = self._connection
        if not (connection and self._addresses == addresses and _is_answered(connection, notification)):
            self._disconnect()  # the listener has closed it meanwhile: again over a fresh one, as libcurl does
            self._connection = connection = _connect(addresses, self._ports)
            self._addresses = addresses
            if not _is_answered(connection, notification):
                raise ConnectionError
        gevent.sleep(0)  # when thousands of answers come at once, let new requests come in between
        answer = HTTPResponse(connection, method="POST")
        answer.begin()
        answer.read()
        if answer.will_close:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection:
            if self._leak == leaks.CONNECTIONS:
                leaks.LEFT.append(self._connection)
            else:
                self._connection.close()
            self._connection = None


def _is_answered(connection: socket.socket, notification: Notification) -> bool:
    """Send; tell whether an answer begins, False when the connection ends instead."""
    try:
        connection.sendall(notification.request())
        return bool(connection.recv(1, socket.MSG_PEEK))  # thousands wait here, still without buffers
    except ConnectionError:
        return False


_Addresses = list[tuple[int, Any]]
_known: dict[str, _Addresses] = {}


def look_up(url: str) -> _Addresses:
    """Return the addresses of a URL's host, kept from the first lookup on; OSError when there is none."""
    parts = urlsplit(url)
    if parts.netloc not in _known:
        found = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM)
        _known[parts.netloc] = [(family, address) for family, _, _, _, address in found]
    return _known[parts.netloc]


def limit_ports(connection: socket.socket, ports: int) -> None:
    """Leave a socket `ports` local ports; OSError where the system cannot."""
    span = struct.pack("=I", (FIRST_PORT + ports - 1) << 16 | FIRST_PORT)
    connection.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, span)


def _connect(addresses: _Addresses, ports: int | None) -> socket.socket:
    """Connect to the first address that takes it; OSError: none does, or no descriptor or port is free."""
    failure = OSError("no address")
    for family, address in addresses:
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            if ports:
                limit_ports(connection, ports)
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
        except gevent.Timeout:
            connection.close()
            raise
        else:
            return connection
    raise failure


class Transient:
    """A worker made on the spot for each notification, ended with it."""

    def __init__(self, new_worker: Callable[[], Worker]) -> None:
        self._new_worker = new_worker

    def push(self, notification: Notification) -> None:
        """Start a worker."""
        gevent.spawn(self._work, notification)

    def _work(self, notification: Notification) -> None:
        worker = self._new_worker()
        worker.send(notification)
        worker.close()


class ThreadPool:
    """Workers that take from one queue of at most `limit` notifications (None: no limit)."""

    def __init__(self, limit: int | None, workers: int, new_worker: Callable[[], Sender]) -> None:
        self._queue: Queue[tuple[float, Notification]] = Queue(limit)
        self._accepted = self._taken = self._rejected = self._sent_ok = self._sent_error = self._size = 0
        self._waited = 0.0
        for _ in range(workers):
            gevent.spawn(self._work, new_worker())

    def push(self, notification: Notification) -> None:
        """Queue a notification, or count it as rejected when the queue is full."""
        if self._queue.full():
            gevent.sleep(0)  # idle workers take first, as threads do
        try:
            self._queue.put_nowait((time.monotonic(), notification))
        except Full:
            self._rejected += 1
        else:
            self._accepted += 1

    def _work(self, worker: Sender) -> None:
        while True:
            since, notification = self._queue.get()
            self._taken += 1
            self._size = self._queue.qsize()
            self._waited += time.monotonic() - since
            if worker.send(notification):
                self._sent_ok += 1
            else:
                self._sent_error += 1

    def statistics(self) -> dict[str, int | float]:
        """Return the block notifQueue: times in s; `size` is the queue's when a worker last took, not now."""
        return {
            "in": self._accepted,
            "out": self._taken,
            "reject": self._rejected,
            "sentOk": self._sent_ok,
            "sentError": self._sent_error,
            "timeInQueue": round(self._waited, 9),
            "avgTimeInQueue": round(self._waited / self._taken, 9) if self._taken else 0,
            "size": self._size,
        }


def make_senders(mode: NotificationMode, new_worker: Callable[[], Worker]) -> ThreadPool | Transient:
    """Make the senders of a notification mode."""
    if mode.name == "transient":
        return Transient(new_worker)
    if mode.name == "persistent":
        return ThreadPool(None, 1, new_worker)
    return ThreadPool(mode.queue, mode.workers, new_worker)
