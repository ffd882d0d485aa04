"""Drops the database of the service under test, and no other."""

from __future__ import annotations

import re
from collections.abc import Callable

import pymongo
from pymongo.errors import PyMongoError

from scenario.settings.values import SERVICE_RULE, is_service

PING_TIMEOUT = 2.0  # s
DROP_TIMEOUT = 10.0  # s


class DatabaseError(Exception):
    """The database did not do what it was asked; the text is one sentence."""


def database_name(service: str) -> str:
    """Return Orion's database of a service. Raises ValueError: then there is nothing that may be dropped."""
    if not is_service(service):
        raise ValueError(f"--service takes {SERVICE_RULE}, not {service!r}")
    return f"orion-{service}"


def ping(mongo: str) -> None:
    """Raise DatabaseError when the server at `mongo` (host, host:port or URI) does not answer in time."""
    with _client(mongo) as client:
        _run(mongo, PING_TIMEOUT, lambda: client.admin.command("ping"))


def drop(mongo: str, service: str) -> str:
    """Drop the service's database; return its name. Raises DatabaseError; ValueError when it is no service."""
    name = database_name(service)
    with _client(mongo) as client:
        _run(mongo, DROP_TIMEOUT, lambda: client.drop_database(name))
    return name


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
