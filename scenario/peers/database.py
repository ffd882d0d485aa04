"""Drops the database of the service under test, and no other."""

from __future__ import annotations

import re
from collections.abc import Callable

import pymongo
from pymongo.errors import PyMongoError

from scenario.errors import DatabaseError
from scenario.settings.values import SERVICE_RULE, is_service

PING_TIMEOUT = 2.0  # s
DROP_TIMEOUT = 10.0  # s


def ping(mongo: str) -> None:
    """Raise DatabaseError when the server at `mongo` (host, host:port or URI) does not answer in time."""
    with _client(mongo) as client:
        _run(mongo, PING_TIMEOUT, lambda: client.admin.command("ping"))


def drop(mongo: str, name: str) -> None:
    """Drop a service's database. Raises DatabaseError; ValueError when it is none of a service: orion-<service>."""
    prefix, _, service = name.partition("-")
    if prefix != "orion" or not is_service(service):
        raise ValueError(f"{name!r} is no database of a service: {SERVICE_RULE} after orion-")
    with _client(mongo) as client:
        _run(mongo, DROP_TIMEOUT, lambda: client.drop_database(name))


def _client(mongo: str) -> pymongo.MongoClient[dict[str, object]]:
    uri = mongo if mongo.startswith("mongodb") else f"mongodb://{mongo}"
    return pymongo.MongoClient(uri, connect=False)


def _run(mongo: str, limit: float, operation: Callable[[], object]) -> None:
    try:
        with pymongo.timeout(limit):  # takes the place of every other limit, that on finding the server too
            operation()
    except PyMongoError as problem:
        shown = re.sub(r"//[^@/]*@", "//", mongo)  # without user and password
        raise DatabaseError(
            f"the database at {shown} (--mongo) failed: {str(problem).split(', Timeout:')[0]}"
        ) from None
