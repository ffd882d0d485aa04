"""The stand-in's NGSI-LD face: it imitates Scorpio 5.0.3, as far as the test meets it.

One update is worked off at a time, 5 of its notifications for a receiver's host:port; there is no limit of time for an
answer, and four tries to connect. All is kept in memory, by tenant. With --one-at-a-time it sends one notification at a
time, as Antares 0.1.0 does.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import parse_qs, urlsplit

import gevent
from gevent.lock import BoundedSemaphore
from gevent.queue import Queue

Document = dict[str, Any]
Answer = tuple[int, object, dict[str, str]]  # status, body (None: none), headers
PER_ADDRESS = 5
CONNECT, TRIES = 60.0, 4  # s for a try to connect
ROOT = "/ngsi-ld/v1/"
UP = {"status": "UP", "checks": []}
TOLD = {
    "/q/info": {"build": {"group": "eu.neclab.ngsildbroker", "version": "5.0.3 (rehearsal)"}},
    **dict.fromkeys(("/q/health/live", "/q/health/ready"), UP),
}
NO_TENANT: Answer = 404, {"title": "TenantNotFound", "detail": "tenant not found"}, {}


class NgsiLd:
    """A WSGI application with Scorpio's paths."""

    def __init__(self, one_at_a_time: bool = False) -> None:
        most = 1 if one_at_a_time else PER_ADDRESS
        self._subscriptions: dict[str, dict[str, Document]] = {}
        self._entities: dict[str, dict[str, Document]] = {}
        self._changes: Queue[tuple[str, Document]] = Queue()
        self._pools: defaultdict[str, BoundedSemaphore] = defaultdict(lambda: BoundedSemaphore(most))
        self._all = BoundedSemaphore(1) if one_at_a_time else None
        gevent.spawn(self._work_off)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        status, told, headers = self._answer(environ)
        body = b"" if told is None else json.dumps(told, indent=2).encode()
        kind = [("Content-Type", "application/json")] if body else []
        length = [] if status == 204 else [("Content-Length", str(len(body)))]
        start_response(f"{status} {HTTPStatus(status).phrase}", [*headers.items(), *kind, *length])
        return [body]

    def _answer(self, environ: dict[str, Any]) -> Answer:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if path in TOLD:
            return 200, TOLD[path], {}
        if not path.startswith(ROOT):
            return 404, None, {}
        what, _, one = path.removeprefix(ROOT).partition("/")
        tenant = environ.get("HTTP_NGSILD_TENANT", "")
        if method == "POST":
            return self._take(tenant, what, environ)
        kept = (self._subscriptions if what == "subscriptions" else self._entities).get(tenant)
        if kept is None:
            return NO_TENANT
        if method == "DELETE":
            return (204 if kept.pop(one, None) else 404), None, {}
        return self._list(kept, parse_qs(environ["QUERY_STRING"])) if "HTTP_ACCEPT" in environ else (406, None, {})

    def _take(self, tenant: str, what: str, environ: dict[str, Any]) -> Answer:
        if environ.get("CONTENT_TYPE", "").partition(";")[0] != "application/json":
            return 415, None, {}
        body = json.loads(environ["wsgi.input"].read())
        return self._subscribe(tenant, body) if what == "subscriptions" else self._upsert(tenant, body)

    def _list(self, kept: dict[str, Document], query: dict[str, list[str]]) -> Answer:
        """Return a page, without a count."""
        limit, offset = (int(query.get(name, [usual])[0]) for name, usual in (("limit", "50"), ("offset", "0")))
        if limit > 1000:
            return 403, {"title": "TooManyResults"}, {}
        asked = {name: query[name] for name in ("id", "type") if name in query}
        found = [each for each in kept.values() if all(each[name] in values for name, values in asked.items())]
        return 200, found[offset : offset + limit], {}

    def _subscribe(self, tenant: str, body: Document) -> Answer:
        if not body.get("notification") or not body.get("entities"):
            return 400, {"title": "BadRequestData"}, {}
        there = self._subscriptions.setdefault(tenant, {})
        self._entities.setdefault(tenant, {})
        if body["id"] in there:
            return 409, {"title": "AlreadyExists"}, {}
        there[body["id"]] = body
        return 201, None, {"Location": f"{ROOT}subscriptions/{body['id']}"}

    def _upsert(self, tenant: str, entities: list[Document]) -> Answer:
        there = self._entities.setdefault(tenant, {})
        self._subscriptions.setdefault(tenant, {})
        new = [entity["id"] for entity in entities if entity["id"] not in there]
        for entity in entities:
            there[entity["id"]] = entity
            self._changes.put((tenant, entity))
        return (201, new, {}) if new else (204, None, {})

    def _work_off(self) -> None:
        """Notify of one update after the other: the next begins when the last notification of this one has ended."""
        while True:
            tenant, entity = self._changes.get()
            notified = [each for each in self._subscriptions[tenant].values() if _matches(each, entity)]
            gevent.joinall([gevent.spawn(self._notify, each, entity) for each in notified])

    def _notify(self, subscription: Document, entity: Document) -> None:
        to = urlsplit(subscription["notification"]["endpoint"]["uri"])
        body = json.dumps(
            {"id": "urn:n", "type": "Notification", "subscriptionId": subscription["id"], "data": [entity]}
        )
        with self._all or self._pools[to.netloc]:
            for _ in range(TRIES):
                connection = HTTPConnection(to.hostname or "", to.port or 80, timeout=CONNECT)
                try:
                    connection.connect()
                    connection.sock.settimeout(None)
                    connection.request("POST", to.path, body, {"Content-Type": "application/json"})
                    connection.getresponse().read()
                except ConnectionRefusedError:
                    return
                except (OSError, HTTPException):
                    time.sleep(0)
                else:
                    return
                finally:
                    connection.close()


def _matches(subscription: Document, entity: Document) -> bool:
    return any(each.get("type") == entity["type"] for each in subscription["entities"])
