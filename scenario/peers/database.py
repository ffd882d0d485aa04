"""Looks into the database of the service under test and drops it. It never drops another one."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import gevent
import pymongo
from pymongo.database import Database
from pymongo.errors import NetworkTimeout, PyMongoError
from pymongo.network_layer import receive_message
from pymongo.synchronous import pool
from pymongo.uri_parser import parse_uri

from scenario.errors import DatabaseError
from scenario.peers import run_mark
from scenario.peers.answers import takes
from scenario.peers.bounds import MOST
from scenario.peers.failures import MOST_QUOTED, Kind
from scenario.peers.privileges import may_drop
from scenario.settings.mongo_uri import is_mongo_uri
from scenario.settings.secrets import answered, redacted
from scenario.settings.values import MONGO_PORT, SERVICE_RULE, is_service, parse_address

PING_TIMEOUT = 2.0  # s
LOOK_TIMEOUT = 30.0  # s; after a run Orion writes the counters of its subscriptions, thousands of updates
DROP_TIMEOUT = 30.0  # s
MARK_TIMEOUT = 2.0  # s
UNDER_WAY = "another run is under way"
SHOWN = 3  # ids of each collection
_OF_SERVER = {"system.profile", "system.views"}  # the server's log of slow commands, and its list of views
LOOPBACK = ("localhost", "127.0.0.1", "::1")

Query = dict[str, Any]
Queries = Mapping[str, Query]  # by collection; in a collection without a query nothing matches
_Documents = dict[str, Any]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Foreign:
    """Documents of a collection that do not belong to the test: their number and some ids."""

    collection: str
    documents: int
    ids: tuple[str, ...]

    def __str__(self) -> str:
        more = ", ..." if self.documents > len(self.ids) else ""
        return f"{self.documents} in {self.collection} ({', '.join(self.ids)}{more})"


@dataclass(frozen=True)
class Contents:
    """The contents of a database: the number of the test's documents, and the documents of others.

    `may_drop`: whether the user of --mongo may drop it, if the server says so. `run`: the run under way there, or "".
    """

    own: int
    foreign: tuple[Foreign, ...] = ()
    may_drop: bool = True
    run: str = ""


def look(mongo: str, name: str, own: Queries) -> Contents:
    """Look into a database. `own` finds the test's documents. Raises DatabaseError, quickly if there is no answer."""

    def contents(database: Database[_Documents]) -> Contents:
        collections = sorted(set(database.list_collection_names()) - _OF_SERVER)
        marked = {**own, run_mark.COLLECTION: run_mark.OWN}
        others = (_foreign(database, collection, marked.get(collection)) for collection in collections)
        foreign = tuple(each for each in others if each.documents)
        auth_info = database.client.admin.command("connectionStatus", showPrivileges=True).get("authInfo")
        return Contents(_count(database, own), foreign, may_drop(auth_info, name), run_mark.under_way(database))

    with _connected(mongo) as client:
        _run(mongo, PING_TIMEOUT, lambda: client.admin.command("ping"))
        return _run(mongo, LOOK_TIMEOUT, lambda: contents(client[name]))


def count(mongo: str, name: str, wanted: Queries) -> int:
    """Return the number of documents that the queries find. Raises DatabaseError."""
    with _connected(mongo) as client:
        return _run(mongo, LOOK_TIMEOUT, lambda: _count(client[name], wanted))


def count_all(mongo: str, name: str, wanted: Queries) -> int:
    """Return the number of such documents in the databases of all services that the user of --mongo may read."""
    prefix = name.partition("-")[0]

    def counted(client: pymongo.MongoClient[_Documents]) -> int:
        names = [each for each in client.list_database_names() if each == prefix or each.startswith(f"{prefix}-")]
        return sum(_count(client[each], wanted) for each in names)

    with _connected(mongo) as client:
        return _run(mongo, LOOK_TIMEOUT, lambda: counted(client))


def drop(mongo: str, name: str) -> None:
    """Drop a service's database, <-db>-<service>. Raises DatabaseError, also for any other name."""
    prefix, _, service = name.partition("-")
    if not re.fullmatch(r"\w{1,10}", prefix, re.ASCII) or not is_service(service):  # 10: Orion's limit on -db
        raise DatabaseError(f"{name!r} is not the database of a service: {SERVICE_RULE} after orion-")
    with _connected(mongo) as client:
        _run(mongo, DROP_TIMEOUT, lambda: client.drop_database(name))


class Server:
    """Pings the database server, over connections that stay open."""

    limit = PING_TIMEOUT

    def __init__(self, mongo: str) -> None:
        self._client = _client(mongo)

    def connect(self) -> None:
        """Connect, so that the first ping does not have to. Ignores errors."""
        with suppress(DatabaseError):
            self.ping()

    def ping(self) -> None:
        """Ping the server. Raises DatabaseError, with kind NO_ANSWER if it is connected but does not answer in time."""
        try:
            with gevent.Timeout(self.limit + 1), pymongo.timeout(self.limit):
                self._client.admin.command("ping")
        except (NetworkTimeout, gevent.Timeout):
            raise DatabaseError(f"no answer within {self.limit:g} s", Kind.NO_ANSWER) from None
        except Exception as problem:
            raise DatabaseError(_reason(problem).partition(" (configured")[0], Kind.NO_DATABASE) from None

    def close(self) -> None:
        _close(self._client)


def mark(mongo: str, name: str, run: str) -> bool:
    """Mark a database for a run. Returns False if another run has marked it. Raises DatabaseError."""
    with _connected(mongo) as client:
        return _run(mongo, MARK_TIMEOUT, lambda: run_mark.take(client[name], run))


def unmark(mongo: str, name: str, run: str) -> None:
    """Remove the run's mark. Raises DatabaseError."""
    with _connected(mongo) as client:
        _run(mongo, MARK_TIMEOUT, lambda: run_mark.give_back(client[name], run))


def servers(mongo: str, host: str) -> frozenset[tuple[str, int]]:
    """Return the addresses in host, host:port or URI, as seen from `host`; empty if unknown without DNS."""
    here = LOOPBACK[0] if host in LOOPBACK else host
    return frozenset((here if name in LOOPBACK else name, port) for name, port in addresses(mongo))


def addresses(mongo: str) -> list[tuple[str, int]]:
    """Return host and port of each server in host, host:port or URI; empty if unknown without DNS."""
    if mongo.startswith("mongodb+srv:"):
        return []
    try:
        found = parse_uri(_uri(mongo), validate=False)["nodelist"]  # the broker's URI may name files of its own host
        return [(name, port or MONGO_PORT) for name, port in found]
    except (PyMongoError, ValueError):
        return []


def _foreign(database: Database[_Documents], collection: str, own: Query | None) -> Foreign:
    others = {"$nor": [own]} if own else {}
    ids = [_id_of(document["_id"]) for document in database[collection].find(others, ["_id"]).limit(SHOWN)]
    return Foreign(collection, database[collection].count_documents(others) if ids else 0, tuple(ids))


def _id_of(value: object) -> str:
    """Return an _id as text. Orion's entities have a document as _id."""
    return answered(str(value["id"] if isinstance(value, dict) and "id" in value else value), 100)


def _count(database: Database[_Documents], wanted: Queries) -> int:
    return sum(database[collection].count_documents(query) for collection, query in wanted.items())


def _uri(mongo: str) -> str:
    return mongo if is_mongo_uri(mongo) else f"mongodb://{mongo}"


def _client(mongo: str) -> pymongo.MongoClient[_Documents]:
    """Return a client. pymongo takes localhost for 127.0.0.1 only; if that accepts nothing, ::1 is tried."""
    uri = _uri(mongo)
    if not is_mongo_uri(mongo):
        host, port = parse_address(mongo, LOOPBACK[0], MONGO_PORT)
        if host == LOOPBACK[0] and not takes("127.0.0.1", port) and takes("::1", port):
            uri = f"mongodb://[::1]:{port}"
    return pymongo.MongoClient(uri, connect=False)


@contextmanager
def _connected(mongo: str) -> Iterator[pymongo.MongoClient[_Documents]]:
    """Yield a client, and close it."""
    client = _run(mongo, PING_TIMEOUT, lambda: _client(mongo))
    try:
        yield client
    finally:
        _close(client)


def _close(client: pymongo.MongoClient[_Documents]) -> None:
    """Close a client without waiting for the server."""
    with suppress(TimeoutError), gevent.Timeout(PING_TIMEOUT, TimeoutError()):
        client.close()


def _receive_bounded(connection: Any, request_id: int | None, _: int) -> Any:
    """Receive a message of at most MOST bytes, unpacked. pymongo alone has no limit."""
    return receive_message(connection, request_id, MOST)


def _in_a_thread(failed: threading.ExceptHookArgs) -> None:
    """Print no traceback of pymongo's own threads: the caller gets no answer and reports that."""
    if failed.thread is None or not failed.thread.name.startswith("pymongo"):
        threading.__excepthook__(failed)


threading.excepthook = _in_a_thread
pool.receive_message = _receive_bounded  # type: ignore[attr-defined, assignment]


def _run(mongo: str, limit: float, operation: Callable[[], _T]) -> _T:
    try:
        # pymongo's limit replaces all its other limits, but does not cover the name look-up
        with gevent.Timeout(limit + 1), pymongo.timeout(limit):
            return operation()
    except gevent.Timeout:  # not an Exception, because dnspython continues after any Exception
        reason = f"no answer within {limit:g} s"
        raise DatabaseError(f"the database at {redacted(mongo)} (--mongo) failed: {reason}", Kind.NO_DATABASE) from None
    except Exception as problem:  # pymongo raises anything if another kind of server answers
        reason = _reason(problem)
        kind = Kind.CERTIFICATE if "CERTIFICATE_VERIFY_FAILED" in reason else Kind.NO_DATABASE
        raise DatabaseError(f"the database at {redacted(mongo)} (--mongo) failed: {reason}", kind) from None


def _reason(problem: Exception) -> str:
    if not isinstance(problem, PyMongoError):
        return f"its answer is not MongoDB's ({type(problem).__name__})"
    return answered(re.split(", (?:Timeout|full error):", str(problem))[0], MOST_QUOTED)
