"""The requests that the test makes, answered as Orion 3.10.1 answers them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

import gevent
from pymongo.errors import PyMongoError

from rehearsal import ngsi
from rehearsal.database import Database
from rehearsal.ngsi import BrokerError
from rehearsal.notifications import LIBCURL, VERSION, Notification, ThreadPool, Transient, look_up
from rehearsal.options import Options
from rehearsal.subscriptions import Cache, Document, Subscription

PUSHES = 20  # notifications pushed before the workers run: they connect while the update is still under way
TURN = 0.001  # s: a whole turn of the event loop; sleep(0) may let 1,000 callbacks pass before any socket is looked at


@dataclass(frozen=True)
class Request:
    """A request whose headers are valid."""

    service: str
    service_path: str
    correlator: str
    query: dict[str, list[str]]
    content_type: str
    body: bytes

    def json(self) -> Document:
        """Return the body; BrokerError when it is not a JSON object, or not said to be one."""
        if not self.body:
            raise BrokerError(411, "ContentLengthRequired", "Zero/No Content-Length in PUT/POST/PATCH request")
        if self.content_type.partition(";")[0].strip() != "application/json":
            raise BrokerError(415, "UnsupportedMediaType", f"not supported content type: {self.content_type}")
        try:
            body = json.loads(self.body)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise BrokerError(400, "ParseError", "Errors found in incoming JSON buffer")
        return body


@dataclass(frozen=True)
class Answer:
    """What goes back; a `body` of None is an empty one."""

    status: int = 200
    body: object = None
    headers: list[tuple[str, str]] = field(default_factory=list)


class Broker:
    """A WSGI application with Orion's paths."""

    def __init__(self, options: Options, senders: ThreadPool | Transient) -> None:
        self._options, self._senders = options, senders
        self._started = time.monotonic()
        self._creations = self._updates = 0
        self._cache = Cache()
        self._database = Database(options.mongo, options.pool_size)
        self._routes: dict[str, dict[str, Callable[[Request], Answer]]] = {
            "/version": {"GET": self._version},
            "/statistics": {"GET": self._statistics},
            "/cache/statistics": {"GET": lambda _: Answer(body=self._cache.statistics())},
            "/v2/subscriptions": {"GET": self._list, "POST": self._create},
            "/v2/op/update": {"POST": self._update},
        }

    def open(self) -> None:
        """Connect to MongoDB and read the cache, then refresh it for ever; raises PyMongoError."""
        self._database.open()
        self._refresh()
        gevent.spawn(self._refresh_for_ever)

    def _refresh(self) -> None:
        self._cache.refresh(self._database.subscriptions(self._options.multiservice))

    def _refresh_for_ever(self) -> None:
        while True:
            gevent.sleep(self._options.refresh_interval)
            try:
                self._refresh()
            except PyMongoError as error:
                print(f"cache not refreshed: {error}", file=sys.stderr, flush=True)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        """Answer one request."""
        correlator = environ.get("HTTP_FIWARE_CORRELATOR") or str(uuid.uuid1())
        try:
            answer = self._answer(environ, correlator)
        except BrokerError as error:
            answer = Answer(error.status, {"error": error.error, "description": str(error)})
        except PyMongoError as error:
            answer = Answer(500, {"error": "InternalServerError", "description": f"Database Error ({error})"})
        body = b"" if answer.body is None else json.dumps(answer.body, separators=(",", ":")).encode()
        headers = [*answer.headers, ("Fiware-Correlator", correlator)]
        if body:
            headers.append(("Content-Type", "application/json"))
        if answer.status != 204:
            headers.append(("Content-Length", str(len(body))))
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", headers)
        return [body]

    def _answer(self, environ: dict[str, Any], correlator: str) -> Answer:
        handlers = self._routes.get(environ["PATH_INFO"])
        if not handlers:
            details = "Service not found. Check your URL as probably it is wrong."
            return Answer(400, {"orionError": {"code": "400", "reasonPhrase": "Bad Request", "details": details}})
        handler = handlers.get(environ["REQUEST_METHOD"])
        if not handler:
            return Answer(405, headers=[("Allow", ", ".join(handlers))])
        service = ngsi.checked_service(environ.get("HTTP_FIWARE_SERVICE", ""))
        request = Request(
            service=service if self._options.multiservice else "",
            service_path=ngsi.checked_path(environ.get("HTTP_FIWARE_SERVICEPATH", "")),
            correlator=correlator,
            query=parse_qs(environ["QUERY_STRING"]),
            content_type=environ.get("CONTENT_TYPE", ""),
            body=environ["wsgi.input"].read(),
        )
        return handler(request)

    def _version(self, _: Request) -> Answer:
        if self._updates:
            gevent.sleep(self._options.slow)
        libraries = {"libcurl": f"libcurl/{LIBCURL}", "libmicrohttpd": "0.9.75", "mongoc": "1.23.1"}
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        hours, minutes = divmod(minutes, 60)
        uptime = f"{hours // 24} d, {hours % 24} h, {minutes} m, {seconds} s"
        return Answer(body={"orion": {"version": VERSION, "uptime": uptime, "libversions": libraries}})

    def _statistics(self, _: Request) -> Answer:
        uptime = int(time.monotonic() - self._started)
        body: Document = {"uptime_in_secs": uptime, "measuring_interval_in_secs": uptime}
        if self._options.show_queue and isinstance(self._senders, ThreadPool):
            body["notifQueue"] = self._senders.statistics()
        return Answer(body=body)

    def _list(self, request: Request) -> Answer:
        query = ngsi.path_query(request.service_path)
        limit, offset = ngsi.page(request.query)
        found = self._database.list(request.service, query, limit, offset)
        headers = []
        if "count" in request.query.get("options", [""])[0].split(","):
            headers.append(("Fiware-Total-Count", str(self._database.count(request.service, query))))
        return Answer(body=[ngsi.shown(document) for document in found], headers=headers)

    def _create(self, request: Request) -> Answer:
        document = ngsi.subscription_document(request.json(), request.service_path)
        self._creations += 1
        fail = self._options.fail_subscriptions
        if fail and self._creations % fail.nth == 0:
            raise BrokerError(fail.status, HTTPStatus(fail.status).phrase.replace(" ", ""), "--fail-subscriptions")
        self._database.insert(request.service, document)
        self._cache.put(Subscription.from_document(request.service, document))
        return Answer(201, headers=[("Location", f"/v2/subscriptions/{document['_id']}")])

    def _update(self, request: Request) -> Answer:
        body = request.json()
        action, path = ngsi.update_action(body), request.service_path or "/"
        for entity_id, entity_type, attributes in ngsi.entities(body):
            key = {"id": entity_id, "type": entity_type, "servicePath": path}
            if action == "delete":
                self._database.delete_entity(request.service, key)
            else:
                self._store(request, key, attributes)
        self._updates += 1
        if self._options.crash_after is not None and self._updates == 1:
            gevent.spawn_later(self._options.crash_after, os.kill, os.getpid(), signal.SIGKILL)
        return Answer(204)

    def _store(self, request: Request, key: dict[str, str], given: dict[str, Document]) -> None:
        """Store an entity's attributes, and notify when one is new or has another value."""
        stored = self._database.entity(request.service, key)
        changed = {name for name, attribute in given.items() if stored.get(name) != attribute}
        if stored and not changed:
            return
        attributes = stored | given
        self._database.store_entity(request.service, key, attributes)
        matching = self._cache.matching(request.service, key["servicePath"], key["id"], key["type"], changed)
        for url in {subscription.url for subscription in matching}:
            with contextlib.suppress(OSError):
                look_up(url)  # once, before thousands of workers do
        for number, subscription in enumerate(matching, 1):
            notification = Notification(
                url=subscription.url,
                service=request.service,
                service_path=key["servicePath"],
                correlator=f"{request.correlator}; cbnotif={number}",
                subscription_id=subscription.id,
                data=ngsi.entity_json(key["id"], key["type"], attributes, subscription.notified),
            )
            self._senders.push(notification)
            if number % PUSHES == 0:
                gevent.sleep(TURN)
        gevent.sleep(10 * TURN)  # the last workers take their descriptors before the update's own is free again
