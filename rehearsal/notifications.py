"""Notifications and their senders. Each sender has the connection and descriptors that libcurl gives it in Orion."""

from __future__ import annotations

import math
import socket
import time
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Protocol
from urllib.parse import urlsplit

import gevent

from rehearsal import leaks
from rehearsal.network import Addresses, Network
from rehearsal.threads import Thread

VERSION, LIBCURL = "3.10.1", "7.88.1"
REMEMBERED = 60.0  # s: libcurl's own, for each worker


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
    """Sends one notification at a time."""

    def send(self, notification: Notification) -> bool:
        """Send and wait. Return whether there was an answer, whatever its status."""
        ...


class Worker:
    """One sender: a thread, a connection that stays open until its next use, and libcurl's own pair of sockets.

    Raises RuntimeError if no thread can be created.
    """

    def __init__(self, timeout: float, wakeup_pair: bool, network: Network, leak: str | None) -> None:
        self._timeout, self._wakeup_pair, self._network, self._leak = timeout, wakeup_pair, network, leak
        self._pair: tuple[socket.socket, socket.socket] | None = None
        self._connection: socket.socket | None = None
        self._addresses: Addresses = []
        self._known: dict[str, tuple[Addresses, float]] = {}
        self._thread = Thread()

    def send(self, notification: Notification) -> bool:
        """Send and wait, at most for the timeout. Return whether there was an answer, whatever its status."""
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
        """Close all descriptors, and end the thread."""
        self._disconnect()
        for end in self._pair or ():
            end.close()
        self._thread.end()

    def _exchange(self, notification: Notification) -> None:
        if self._wakeup_pair:
            self._pair = self._pair or socket.socketpair()
        addresses = self._look_up(notification.url)
        connection = self._connection
        if not (connection and self._addresses == addresses and _is_answered(connection, notification)):
            self._disconnect()  # the listener has closed it meanwhile: again over a fresh one, as libcurl does
            self._connection = connection = self._network.connect(addresses)
            self._addresses = addresses
            if not _is_answered(connection, notification):
                raise ConnectionError
        gevent.sleep(0)  # when thousands of answers come at once, let new requests come in between
        answer = HTTPResponse(connection, method="POST")
        answer.begin()
        answer.read()
        if answer.will_close:
            self._disconnect()

    def _look_up(self, url: str) -> Addresses:
        """Return the addresses of a URL's host. What this worker looked up is valid for a minute."""
        now, netloc = time.monotonic(), urlsplit(url).netloc
        found, since = self._known.get(netloc, ([], -math.inf))
        if now - since > REMEMBERED:
            found = self._network.look_up(url)
            self._known[netloc] = found, now
        return found

    def _disconnect(self) -> None:
        if self._connection:
            if self._leak == leaks.CONNECTIONS:
                leaks.LEFT.append(self._connection)
            else:
                self._connection.close()
            self._connection = None


def _is_answered(connection: socket.socket, notification: Notification) -> bool:
    """Send. Return whether an answer begins; False if the connection ends instead."""
    try:
        connection.sendall(notification.request())
        return bool(connection.recv(1, socket.MSG_PEEK))  # thousands wait here, still without buffers
    except ConnectionError:
        return False
