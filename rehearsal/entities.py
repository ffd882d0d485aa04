"""Requests on entities, and the notifications that their updates trigger."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from functools import partial

import gevent
from pymongo.errors import PyMongoError

from rehearsal import documents, ngsi
from rehearsal.database import Database
from rehearsal.messages import Answer, Request, counted
from rehearsal.notifications import Notification
from rehearsal.options import Options
from rehearsal.pools import Senders
from rehearsal.subscriptions import Cache, Document, Subscription

PUSHES = 20  # notifications pushed before the workers run: they connect while the update is still under way
TURN = 0.001  # s: a whole turn of the event loop; sleep(0) may let 1,000 callbacks pass before any socket is looked at


class Entities:
    """The entities of all services. If the database is gone, requests raise PyMongoError unless they say otherwise."""

    def __init__(self, options: Options, senders: Senders, cache: Cache, database: Database) -> None:
        self._options, self._senders, self._cache, self._database = options, senders, cache, database
        self.is_triggered = False
        self.at_trigger: Callable[[], None] = lambda: None
        """Called once, by the first update that notifies at least half of its service's subscriptions."""

    def list(self, request: Request) -> Answer:
        """GET /v2/entities. If the database is gone, Orion 4.7.0 answers with an empty list."""
        limit, offset = ngsi.page(request.query)
        query = ngsi.entity_query(request.query, request.service_path)
        try:
            found = self._database.entities(request.service, query, limit, offset)
            headers = counted(self._database.count_entities(request.service, query)) if request.has("count") else []
        except PyMongoError:
            return Answer(body=[])
        return Answer(
            body=[documents.entity_shown(entity, request.has("keyValues")) for entity in found], headers=headers
        )

    def get(self, request: Request) -> Answer:
        """GET /v2/entities/ID. If the database is gone, Orion 4.7.0 crashes."""
        query = ngsi.entity_query({**request.query, "id": [request.id]}, request.service_path)
        try:
            found = self._database.entities(request.service, query, 2, 0)
        except PyMongoError:
            os.kill(os.getpid(), signal.SIGSEGV)
            raise
        if not found:
            raise ngsi.not_found("entity", "type and id")
        if len(found) > 1:
            raise ngsi.BrokerError(409, "TooManyResults", "More than one matching entity. Please refine your query")
        return Answer(body=documents.entity_shown(found[0], request.has("keyValues")))

    def delete(self, request: Request) -> Answer:
        """DELETE /v2/entities/ID."""
        query = ngsi.entity_query({**request.query, "id": [request.id]}, request.service_path)
        if not self._database.delete_entity(request.service, query):
            raise ngsi.not_found("entity", "type and id")
        return Answer(204)

    def update(self, request: Request) -> Answer:
        """POST /v2/op/update."""
        body = request.json()
        action, path = ngsi.update_action(body), request.service_path or "/"
        sent = 0
        for entity_id, entity_type, attributes in ngsi.entities(body):
            key = {"id": entity_id, "type": entity_type, "servicePath": path}
            if action == "delete":
                self._database.delete_entity(request.service, {"_id": key})
            else:
                sent += self._store(request, key, attributes)
        if sent and not self.is_triggered and 2 * sent >= self._cache.count(request.service):
            self.is_triggered = True
            self.at_trigger()
        return Answer(204)

    def _store(self, request: Request, key: dict[str, str], given: dict[str, Document]) -> int:
        """Store attributes of an entity. If one is new or changed, notify, and return the number of notifications."""
        stored = self._database.entity(request.service, key)
        attributes = documents.stored_attributes(stored)
        changed = {name for name, attribute in given.items() if attributes.get(name) != attribute}
        if stored and not changed:
            return 0
        attributes |= given
        self._database.store_entity(
            request.service, documents.entity_document(key, attributes, stored, request.correlator)
        )
        matching = self._cache.matching(request.service, key["servicePath"], key["id"], key["type"], changed)
        for number, subscription in enumerate(matching, 1):
            notification = Notification(
                url=subscription.url,
                service=request.service,
                service_path=key["servicePath"],
                correlator=f"{request.correlator}; cbnotif={number}",
                subscription_id=subscription.id,
                data=ngsi.entity_json(key["id"], key["type"], attributes, subscription.notified),
            )
            self._push(subscription, notification)
            if number % PUSHES == 0:
                gevent.sleep(TURN)
        if matching:
            gevent.sleep(10 * TURN)  # the last workers take their descriptors before the update's own is free again
        return len(matching)

    def _push(self, subscription: Subscription, notification: Notification) -> None:
        fails_before = self._cache.sent(subscription)
        self._senders.push(notification, partial(self._note_answer, subscription, fails_before))

    def _note_answer(self, subscription: Subscription, fails_before: int, is_answered: bool) -> None:
        if self._cache.note_answer(subscription, is_answered, fails_before):
            with contextlib.suppress(PyMongoError):
                self._database.set_status(subscription.service, subscription.id, "inactive")
