"""Notifications and their senders, each with the connection and the descriptors that libcurl gives it on Orion."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any, Protocol
from urllib.parse import urlsplit

import gevent

from rehearsal import leaks
from rehearsal.threads import Thread

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
    """One sender: a thread, a connection that stays open after the answer until the next use, and libcurl's own pair.

    RuntimeError: no thread can be had.
    """

    def __init__(self, timeout: float, wakeup_pair: bool, ports: int | None, leak: str | None) -> None:
        self._timeout, self._wakeup_pair, self._ports, self._leak = timeout, wakeup_pair, ports, leak
        self._pair: tuple[socket.socket, socket.socket] | None = None
        self._connection: socket.socket | None = None
        self._addresses: _Addresses = []
        self._thread = Thread()

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
        """Give back all descriptors, and the thread."""
        self._disconnect()
        for end in self._pair or ():
            end.close()
        self._thread.end()

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
