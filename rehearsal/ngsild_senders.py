"""How the NGSI-LD stand-in notifies: as Scorpio 5.0.3, Antares 0.1.0 or coraine 0.3.0 was seen to do.

Each takes an entity's changes by `push`. `about` is what it answers about itself, by path. A request holds `threads`
while it is served.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from http.client import HTTPConnection, HTTPException
from typing import ClassVar, NamedTuple
from urllib.parse import urlsplit

import gevent
from gevent.lock import BoundedSemaphore
from gevent.queue import Queue

from rehearsal.subscriptions import Document

UP = {"status": "UP", "checks": []}
CONNECT = 60.0  # s for a try of Scorpio to connect; it has no time limit for an answer


class Change(NamedTuple):
    """A change of an entity, and what lists the subscriptions to it when their turn comes."""

    entity: Document
    subscriptions: Callable[[], list[Document]]


class Scorpio:
    """Handles one change at a time, and sends `most` of its notifications at a time to a receiver's host:port."""

    about: ClassVar[dict[str, object]] = {
        "/q/info": {"build": {"group": "eu.neclab.ngsildbroker", "version": "5.0.3 (rehearsal)"}},
        **dict.fromkeys(("/q/health/live", "/q/health/ready"), UP),
    }
    threads: AbstractContextManager[object] = nullcontext()
    tries = 4

    def __init__(self, one_at_a_time: bool = False) -> None:
        self._one_at_a_time, most = one_at_a_time, 1 if one_at_a_time else 5
        self._changes: Queue[Change] = Queue()
        self._pools: defaultdict[str, BoundedSemaphore] = defaultdict(lambda: BoundedSemaphore(most))
        gevent.spawn(self._work_off)

    def push(self, change: Change) -> None:
        """Take a change."""
        self._changes.put(change)

    def _work_off(self) -> None:
        """Notify of one change after the other. The next begins when the last notification of this one has ended."""
        while True:
            entity, subscriptions = self._changes.get()
            gevent.joinall([gevent.spawn(self._notify, each, entity) for each in subscriptions()])

    def _notify(self, subscription: Document, entity: Document) -> None:
        with self._pools["" if self._one_at_a_time else address(subscription)]:
            any(is_answered(subscription, entity, None) for _ in range(self.tries))


class Antares:
    """Sends one notification at a time, with a breaker: 5 that time out stop all to that host:port for 30 s."""

    about: ClassVar[dict[str, object]] = {
        "/q/health": {"version": "0.1.0 (rehearsal)", "store": "memory"},
        "/q/ready": UP,
    }
    threads: AbstractContextManager[object] = nullcontext()
    most_changes, timeout, most_failures, pause = 1024, 5.0, 5, 30.0

    def __init__(self) -> None:
        self._changes: Queue[Change] = Queue(self.most_changes)
        self._failures: defaultdict[str, int] = defaultdict(int)
        self._closed_until: defaultdict[str, float] = defaultdict(float)
        gevent.spawn(self._work_off)

    def push(self, change: Change) -> None:
        """Take a change. It is lost if the queue is full."""
        if not self._changes.full():
            self._changes.put_nowait(change)

    def _work_off(self) -> None:
        while True:
            entity, subscriptions = self._changes.get()
            for each in subscriptions():
                self._notify(each, entity)

    def _notify(self, subscription: Document, entity: Document) -> None:
        to = address(subscription)
        if time.monotonic() < self._closed_until[to]:
            return
        answered = is_answered(subscription, entity, self.timeout)
        self._failures[to] = 0 if answered else self._failures[to] + 1
        if self._failures[to] == self.most_failures:
            self._failures[to], self._closed_until[to] = 0, time.monotonic() + self.pause


class Coraine:
    """Handles each change in one of 32 server threads, one subscription after the other."""

    about: ClassVar[dict[str, object]] = {"/version": {"product": "coraine", "version": "0.3.0 (rehearsal)"}}
    timeout = 5.0

    def __init__(self) -> None:
        self.threads: AbstractContextManager[object] = BoundedSemaphore(32)

    def push(self, change: Change) -> None:
        """Take a change. Its thread is busy until its last notification has ended."""
        gevent.spawn(self._work_off, change)

    def _work_off(self, change: Change) -> None:
        with self.threads:
            for each in change.subscriptions():
                is_answered(each, change.entity, self.timeout)


def address(subscription: Document) -> str:
    """Return the host:port of a subscription's receiver."""
    return str(urlsplit(subscription["notification"]["endpoint"]["uri"]).netloc)


def is_answered(subscription: Document, entity: Document, timeout: float | None) -> bool:
    """Send a notification. Return False if it was not answered in `timeout` s (None: no limit), nor refused."""
    to = urlsplit(subscription["notification"]["endpoint"]["uri"])
    body = json.dumps({"id": "urn:n", "type": "Notification", "subscriptionId": subscription["id"], "data": [entity]})
    connection = HTTPConnection(to.hostname or "", to.port or 80, timeout=timeout or CONNECT)
    try:
        connection.connect()
        connection.sock.settimeout(timeout)
        connection.request("POST", to.path, body, {"Content-Type": "application/json"})
        connection.getresponse().read()
    except ConnectionRefusedError:
        return True
    except (OSError, HTTPException):
        gevent.sleep(0)
        return False
    else:
        return True
    finally:
        connection.close()
