"""A stand-in for NGSI-LD brokers: the API of Scorpio 5.0.3, as far as the test needs it, kept in memory by tenant.

How it notifies, and what it says it is, is in ngsild_senders.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from urllib.parse import parse_qs

from rehearsal.messages import Answer
from rehearsal.ngsild_senders import Antares, Change, Coraine, Scorpio
from rehearsal.subscriptions import Document
from rehearsal.wsgi import Environ, StartResponse, respond

ROOT = "/ngsi-ld/v1/"
NO_TENANT = Answer(404, {"title": "TenantNotFound", "detail": "tenant not found"})


class NgsiLd:
    """A WSGI application with Scorpio's paths."""

    def __init__(self, senders: Scorpio | Antares | Coraine) -> None:
        self._senders = senders
        self._subscriptions: dict[str, dict[str, Document]] = {}
        self._entities: dict[str, dict[str, Document]] = {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        with self._senders.threads:
            answer = self._answer(environ)
        body = b"" if answer.body is None else json.dumps(answer.body, indent=2).encode()
        kind = [("Content-Type", "application/json")] if body else []
        return respond(start_response, answer.status, [*answer.headers, *kind], body)

    def _answer(self, environ: Environ) -> Answer:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if path in self._senders.about:
            return Answer(body=self._senders.about[path])
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
            self._senders.push(Change(entity, partial(self._subscribed_to, tenant, entity["type"])))
        return Answer(201, new) if new else Answer(204)

    def _subscribed_to(self, tenant: str, entity_type: str) -> list[Document]:
        """List the subscriptions to a type of entity."""
        there = self._subscriptions[tenant].values()
        return [each for each in there if any(of.get("type") == entity_type for of in each["entities"])]
