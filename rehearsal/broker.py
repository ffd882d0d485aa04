"""The requests of the test, answered as Orion answers them."""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from http import HTTPStatus
from urllib.parse import parse_qs

import gevent
from bson import ObjectId
from gevent.lock import Semaphore
from pymongo.errors import PyMongoError

from rehearsal import documents, ngsi
from rehearsal.database import Database, database_name
from rehearsal.entities import Entities
from rehearsal.messages import Answer, Request, counted
from rehearsal.ngsi import BrokerError
from rehearsal.notifications import LIBCURL, VERSION
from rehearsal.options import Options
from rehearsal.pools import Senders, ThreadPools
from rehearsal.subscriptions import Cache, Document, History, Subscription
from rehearsal.wsgi import Environ, StartResponse, respond

Handlers = dict[str, Callable[[Request], Answer]]
SEMAPHORES = ("request", "dbConnectionPool", "transaction", "subCache", "connectionContext", "timeStat", "metrics")
GONE = "exception: No servers yet eligible for rescan. Topology type: Single"  # mongo-c-driver's


class Broker:
    """A WSGI application with Orion's paths."""

    def __init__(self, options: Options, senders: Senders) -> None:
        self._options, self._senders = options, senders
        self._started = time.monotonic()
        self._creations = 0
        self._cache, self._waited_for_cache = Cache(), 0.0
        self._writing, self._refreshing = Semaphore(), Semaphore()
        self._database = Database(options.mongo, options.pool_size, options.null_connection)
        self.entities = Entities(options, senders, self._cache, self._database)
        self._routes: dict[str, Handlers] = {
            "/version": {"GET": self._version},
            "/statistics": {"GET": self._statistics},
            "/cache/statistics": {"GET": self._cache_statistics},
            "/v2/subscriptions": {"GET": self._list, "POST": self._create},
            "/v2/subscriptions/": {"DELETE": self._delete},
            "/v2/entities": {"GET": self.entities.list},
            "/v2/entities/": {"GET": self.entities.get, "DELETE": self.entities.delete},
            "/v2/op/update": {"POST": self.entities.update},
        }

    def open(self) -> None:
        """Connect to MongoDB, fill the cache, and keep refreshing it. Raises PyMongoError."""
        self._database.open()
        if not self._options.null_connection:
            self._refresh()
        gevent.spawn(self._refresh_for_ever)

    def _refresh(self) -> None:
        """Read the stored subscriptions. After many notifications Orion writes as many counters, which takes longer."""
        with self._writing:
            if self._cache.forget_changes():
                gevent.sleep(self._options.refresh_hold)
        with self._refreshing:
            self._cache.refresh(self._database.all_subscriptions(self._options.multiservice))

    def _wait_for_cache(self) -> None:
        """Wait while a refresh writes counters."""
        began = time.monotonic()
        with self._writing:
            self._waited_for_cache += time.monotonic() - began

    def _refresh_for_ever(self) -> None:
        while self._options.refresh_interval:
            gevent.sleep(self._options.refresh_interval)
            try:
                self._refresh()
            except PyMongoError as error:
                print(f"cache not refreshed: {error}", file=sys.stderr, flush=True)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        correlator = environ.get("HTTP_FIWARE_CORRELATOR") or str(uuid.uuid1())
        try:
            answer = self._answer(environ, correlator)
        except BrokerError as error:
            answer = Answer(error.status, {"error": error.error, "description": str(error)})
        except PyMongoError:
            answer = Answer(500, {"error": "InternalServerError", "description": self._trouble(environ)})
        body = b"" if answer.body is None else json.dumps(answer.body, separators=(",", ":")).encode()
        headers = [*answer.headers, ("Fiware-Correlator", correlator)]
        if body:
            headers.append(("Content-Type", "application/json"))
        return respond(start_response, answer.status, headers, body)

    def _trouble(self, environ: Environ) -> str:
        """Return Orion 4.7.0's description of a database that is gone."""
        if self._options.null_connection:
            return "null DB connection"
        service = environ.get("HTTP_FIWARE_SERVICE", "").lower() if self._options.multiservice else ""
        name = "csubs" if "/subscriptions" in environ["PATH_INFO"] else "entities"
        operation = "insert_one" if (name, environ["REQUEST_METHOD"]) == ("csubs", "POST") else "count_documents"
        place = f"collection: {database_name(service)}.{name} - {operation}&#40;&#41;"
        return f"Database Error &#40;{place} - {GONE}&#41;"

    def _answer(self, environ: Environ, correlator: str) -> Answer:
        above, slash, last = environ["PATH_INFO"].rpartition("/")
        handlers = self._routes.get(environ["PATH_INFO"]) or (self._routes.get(above + slash) if last else None)
        if not handlers:
            details = "Service not found. Check your URL as probably it is wrong."
            return Answer(400, {"orionError": {"code": "400", "reasonPhrase": "Bad Request", "details": details}})
        handler = handlers.get(environ["REQUEST_METHOD"])
        if not handler:
            return Answer(405, headers=[("Allow", ", ".join(handlers))])
        if self._options.refresh_hold and above.startswith("/v2"):
            self._wait_for_cache()
        service = ngsi.checked_service(environ.get("HTTP_FIWARE_SERVICE", ""))
        request = Request(
            service=service if self._options.multiservice else "",
            service_path=ngsi.checked_path(environ.get("HTTP_FIWARE_SERVICEPATH", "")),
            correlator=correlator,
            id=last,
            query=parse_qs(environ["QUERY_STRING"]),
            content_type=environ.get("CONTENT_TYPE", ""),
            body=environ["wsgi.input"].read(),
        )
        return handler(request)

    def _version(self, _: Request) -> Answer:
        if self.entities.is_triggered:
            gevent.sleep(self._options.slow)
        libraries = {"libcurl": f"libcurl/{LIBCURL}", "libmicrohttpd": "0.9.75", "mongoc": "1.23.1"}
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        hours, minutes = divmod(minutes, 60)
        uptime = f"{hours // 24} d, {hours % 24} h, {minutes} m, {seconds} s"
        return Answer(body={"orion": {"version": VERSION, "uptime": uptime, "libversions": libraries}})

    def _statistics(self, _: Request) -> Answer:
        uptime = int(time.monotonic() - self._started)
        body: Document = {"uptime_in_secs": uptime, "measuring_interval_in_secs": uptime}
        if self._options.show_queue and isinstance(self._senders, ThreadPools):
            body["notifQueue"] = self._senders.counters.block()
        if self._options.show_sem_wait:
            body["semWait"] = {**dict.fromkeys(SEMAPHORES, 0.0), "subCache": self._waited_for_cache}
        return Answer(body=body)

    def _cache_statistics(self, _: Request) -> Answer:
        with self._refreshing:  # a database that stands still keeps it waiting, as in Orion
            return Answer(body=self._cache.statistics())

    def _list(self, request: Request) -> Answer:
        query = ngsi.path_query(request.service_path)
        limit, offset = ngsi.page(request.query)
        found = self._database.subscriptions_of(request.service, query, limit, offset)
        headers = counted(self._database.count(request.service, query)) if request.has("count") else []
        return Answer(body=[self._shown(document) for document in found], headers=headers)

    def _shown(self, document: Document) -> Document:
        key = str(document["_id"])
        cached = self._cache.get(key)
        history = self._cache.histories.get(key, History())
        return documents.subscription_shown(document, cached.status if cached else document["status"], history.shown())

    def _create(self, request: Request) -> Answer:
        document = ngsi.subscription_document(request.json(), request.service_path, self._options.max_fails)
        self._creations += 1
        fail = self._options.fail_subscriptions
        if fail and self._creations % fail.nth == 0:
            raise BrokerError(fail.status, HTTPStatus(fail.status).phrase.replace(" ", ""), "--fail-subscriptions")
        self._database.insert(request.service, document)
        self._cache.put(Subscription.from_document(request.service, document))
        return Answer(201, headers=[("Location", f"/v2/subscriptions/{document['_id']}")])

    def _delete(self, request: Request) -> Answer:
        is_id = ObjectId.is_valid(request.id)
        try:
            is_there = is_id and self._database.delete_subscription(request.service, request.id)
        except PyMongoError:
            is_there = False  # Orion 4.7.0 says so of a database that is gone
        if not is_there:
            raise ngsi.not_found("subscription", "id")
        self._cache.remove(request.id)
        return Answer(204)
