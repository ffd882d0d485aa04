"""A stand-in for NGSI-LD brokers: it imitates Scorpio 5.0.3, as far as the test needs it.

It handles one update at a time, and sends 5 of its notifications at a time to a receiver's host:port. There is no time
limit for an answer, and there are four tries to connect. Everything is kept in memory, by tenant. With --one-at-a-time
it sends one notification at a time, as Antares 0.1.0 does.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException
from urllib.parse import parse_qs, urlsplit

import gevent
from gevent.lock import BoundedSemaphore
from gevent.queue import Queue

from rehearsal.messages import Answer
from rehearsal.subscriptions import Document
from rehearsal.wsgi import Environ, StartResponse, respond

PER_ADDRESS = 5  # notifications at a time
CONNECT, TRIES = 60.0, 4  # s for a try to connect
ROOT = "/ngsi-ld/v1/"
UP = {"status": "UP", "checks": []}
TOLD = {
    "/q/info": {"build": {"group": "eu.neclab.ngsildbroker", "version": "5.0.3 (rehearsal)"}},
    **dict.fromkeys(("/q/health/live", "/q/health/ready"), UP),
}
NO_TENANT = Answer(404, {"title": "TenantNotFound", "detail": "tenant not found"})


class NgsiLd:
    """A WSGI application with Scorpio's paths."""

    def __init__(self, one_at_a_time: bool = False) -> None:
        self._one_at_a_time, most = one_at_a_time, 1 if one_at_a_time else PER_ADDRESS
        self._subscriptions: dict[str, dict[str, Document]] = {}
        self._entities: dict[str, dict[str, Document]] = {}
        self._changes: Queue[tuple[str, Document]] = Queue()
        self._pools: defaultdict[str, BoundedSemaphore] = defaultdict(lambda: BoundedSemaphore(most))
        gevent.spawn(self._work_off)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        answer = self._answer(environ)
        body = b"" if answer.body is None else json.dumps(answer.body, indent=2).encode()
        kind = [("Content-Type", "application/json")] if body else []
        return respond(start_response, answer.status, [*answer.headers, *kind], body)

    def _answer(self, environ: Environ) -> Answer:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if path in TOLD:
            return Answer(body=TOLD[path])
        if not path.startswith(ROOT):
            return Answer(404)
        what, _, one = path.removeprefix(ROOT).partition("/")
        tenant = environ.get("HTTP_NGSILD_TENANT", "")
        if method == "POST":
            return self._take(tenant, what, environ)
        kept = (self._subscriptions if what == "subscriptions" else self._entities).get(tenant)
        if kept is None:
            return NO_TENANT
        if method == "DELETE":
            return Answer(204 if kept.pop(one, None) else 404)
        return self._list(kept, parse_qs(environ["QUERY_STRING"])) if "HTTP_ACCEPT" in environ else Answer(406)

    def _take(self, tenant: str, what: str, environ: Environ) -> Answer:
        if environ.get("CONTENT_TYPE", "").partition(";")[0] != "application/json":
            return Answer(415)
        body = json.loads(environ["wsgi.input"].read())
        return self._subscribe(tenant, body) if what == "subscriptions" else self._upsert(tenant, body)

    def _list(self, kept: dict[str, Document], query: dict[str, list[str]]) -> Answer:
        """Return a page. Scorpio sends no count."""
        limit, offset = (int(query.get(name, [usual])[0]) for name, usual in (("limit", "50"), ("offset", "0")))
        if limit > 1000:
            return Answer(403, {"title": "TooManyResults"})
        asked = {name: query[name] for name in ("id", "type") if name in query}
        found = [each for each in kept.values() if all(each[name] in values for name, values in asked.items())]
        return Answer(body=found[offset : offset + limit])

    def _subscribe(self, tenant: str, body: Document) -> Answer:
        if not body.get("notification") or not body.get("entities"):
            return Answer(400, {"title": "BadRequestData"})
        there = self._subscriptions.setdefault(tenant, {})
        self._entities.setdefault(tenant, {})
        if body["id"] in there:
            return Answer(409, {"title": "AlreadyExists"})
        there[body["id"]] = body
        return Answer(201, headers=[("Location", f"{ROOT}subscriptions/{body['id']}")])

    def _upsert(self, tenant: str, entities: list[Document]) -> Answer:
        there = self._entities.setdefault(tenant, {})
        self._subscriptions.setdefault(tenant, {})
        new = [entity["id"] for entity in entities if entity["id"] not in there]
        for entity in entities:
            there[entity["id"]] = entity
            self._changes.put((tenant, entity))
        return Answer(201, new) if new else Answer(204)

    def _work_off(self) -> None:
        """Notify of one update after the other. The next begins when the last notification of this one has ended."""
        while True:
            tenant, entity = self._changes.get()
            notified = [each for each in self._subscriptions[tenant].values() if _matches(each, entity)]
            gevent.joinall([gevent.spawn(self._notify, each, entity) for each in notified])

    def _notify(self, subscription: Document, entity: Document) -> None:
        to = urlsplit(subscription["notification"]["endpoint"]["uri"])
        body = json.dumps(
            {"id": "urn:n", "type": "Notification", "subscriptionId": subscription["id"], "data": [entity]}
        )
        with self._pools["" if self._one_at_a_time else to.netloc]:
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
                    gevent.sleep(0)
                else:
                    return
                finally:
                    connection.close()


def _matches(subscription: Document, entity: Document) -> bool:
    return any(each.get("type") == entity["type"] for each in subscription["entities"])
