"""MongoDB: a pool of connections that are open from the start.

As in Orion, a request to a database that is stopped waits until it continues. A request to one that is gone fails at
once.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import gevent
from bson import ObjectId
from gevent.lock import Semaphore
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import PyMongoError
from pymongo.monitoring import ConnectionPoolListener

from rehearsal.subscriptions import PROJECTION, Document, Subscription

PATIENCE_MS = 100  # for a database that is gone to come back
DAY_MS = 86_400_000
TRIES = 100  # one a second for a database to answer before the broker listens: RECONNECT_RETRIES in Orion 4.7.0
BATCH = 200  # subscriptions read at a time: about 5 ms of work between two yields


@dataclass
class _Group:
    """Documents of one insert_many."""

    documents: list[Document] = field(default_factory=list)
    sent: bool = False
    error: PyMongoError | None = None


class _Opened(ConnectionPoolListener):
    """Counts the pool's connections that became ready."""

    count = 0

    def connection_ready(self, event: object) -> None:
        self.count += 1

    def _ignore(self, event: object) -> None:
        return

    pool_created = pool_ready = pool_cleared = pool_closed = _ignore
    connection_created = connection_closed = _ignore
    connection_check_out_started = connection_check_out_failed = _ignore
    connection_checked_out = connection_checked_in = _ignore


def database_name(service: str) -> str:
    """Return the name of a service's database; an empty service has the common one."""
    return f"orion-{service}" if service else "orion"


class Database:
    """Orion's collections `csubs` and `entities`, of `orion-<service>` or `orion`. All methods raise PyMongoError."""

    def __init__(self, host: str, pool_size: int, is_null: bool) -> None:
        self._is_null = is_null
        self._opened = _Opened()
        self._client: MongoClient[Document] = MongoClient(
            host,
            minPoolSize=pool_size,
            maxPoolSize=pool_size,
            maxConnecting=pool_size,
            serverSelectionTimeoutMS=PATIENCE_MS,
            connectTimeoutMS=DAY_MS,  # the monitor's too: one that stands still is not gone
            retryReads=False,
            retryWrites=False,
            serverMonitoringMode="poll",  # one monitor connection, as Orion has
            event_listeners=[self._opened],
        )
        self._pool_size = pool_size
        self._groups: dict[str, _Group] = {}
        self._writing = Semaphore()

    def open(self) -> None:
        """Open all connections, by as many commands at once as the pool has places."""
        if self._is_null:
            self._client.close()
            return
        self._wait()
        while self._opened.count < self._pool_size:
            commands = [gevent.spawn(self._client.admin.command, "ping") for _ in range(self._pool_size)]
            for command in commands:
                command.get()

    def _wait(self) -> None:
        """Wait until the database answers, as Orion does before it listens."""
        for tries in reversed(range(TRIES)):
            try:
                self._client.admin.command("ping")
            except PyMongoError as error:
                if not tries:
                    raise
                print(f"no MongoDB yet: {error!s:.200}", file=sys.stderr, flush=True)
                gevent.sleep(1)
            else:
                return

    def _collection(self, service: str, name: str) -> Collection[Document]:
        return self._client[database_name(service)][name]

    def insert(self, service: str, document: Document) -> None:
        """Store a subscription. Those that come during a write share the next insert_many."""
        group = self._groups.setdefault(service, _Group())
        group.documents.append(document)
        with self._writing:
            if not group.sent:
                self._send(service, self._groups.pop(service))
        if group.error:
            raise group.error

    def _send(self, service: str, group: _Group) -> None:
        group.sent = True
        try:
            self._collection(service, "csubs").insert_many(group.documents, ordered=False)
        except PyMongoError as error:
            group.error = error
            for waiting in self._groups.values():  # fail with it: nobody waits for the limit twice
                waiting.sent, waiting.error = True, error
            self._groups.clear()

    def subscriptions_of(self, service: str, query: Document, limit: int, offset: int) -> list[Document]:
        """List subscriptions, oldest first."""
        return list(self._collection(service, "csubs").find(query).sort("_id", 1).skip(offset).limit(limit))

    def count(self, service: str, query: Document) -> int:
        return self._collection(service, "csubs").count_documents(query)

    def all_subscriptions(self, multiservice: bool) -> Iterator[Subscription]:
        """Read all subscriptions of all services, yielding to other greenlets between batches."""
        services = [""]
        if multiservice:
            names = self._client.list_database_names()
            services += [name.removeprefix("orion-") for name in names if name.startswith("orion-")]
        for service in services:
            found = self._collection(service, "csubs").find({}, PROJECTION, batch_size=BATCH)
            for number, document in enumerate(found):
                if number % BATCH == 0:
                    gevent.sleep(0)
                yield Subscription.from_document(service, document)

    def set_status(self, service: str, subscription_id: str, status: str) -> None:
        """Write a subscription's status."""
        key, now = {"_id": ObjectId(subscription_id)}, time.time()
        self._collection(service, "csubs").update_one(key, {"$set": {"status": status, "statusLastChange": now}})

    def delete_subscription(self, service: str, subscription_id: str) -> bool:
        """Delete a subscription. Return whether it existed."""
        key = {"_id": ObjectId(subscription_id)}
        return bool(self._collection(service, "csubs").delete_one(key).deleted_count)

    def entities(self, service: str, query: Document, limit: int, offset: int) -> list[Document]:
        """List entities, oldest first."""
        return list(self._collection(service, "entities").find(query).sort("creDate", 1).skip(offset).limit(limit))

    def count_entities(self, service: str, query: Document) -> int:
        return self._collection(service, "entities").count_documents(query)

    def entity(self, service: str, key: Document) -> Document | None:
        """Return an entity's document, or None if it does not exist."""
        return self._collection(service, "entities").find_one({f"_id.{name}": value for name, value in key.items()})

    def store_entity(self, service: str, document: Document) -> None:
        self._collection(service, "entities").replace_one({"_id": document["_id"]}, document, upsert=True)

    def delete_entity(self, service: str, query: Document) -> bool:
        """Delete an entity. Return whether it existed."""
        return bool(self._collection(service, "entities").delete_one(query).deleted_count)
