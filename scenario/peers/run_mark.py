"""The mark of a run under way in its service's database. It keeps other runs from dropping the database.

It is renewed every few seconds, so that the mark of a killed run is soon void. Its time is the database host's.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

COLLECTION = "connections_stress_test"
OWN = {"_id": "run under way"}
VALID = timedelta(seconds=30)  # without a renewal
_Documents = dict[str, Any]


def under_way(database: Database[_Documents]) -> str:
    """Return the id of the run under way in a database, and when it was last seen there; "" if there is none."""
    found, now = database[COLLECTION].find_one(OWN), _now(database)
    at = found["at"] if found and "at" in found else None
    if found is None or not isinstance(at, datetime) or abs(now - at) > VALID:
        return ""
    return f"run {found.get('run')}, last seen {(now - at).total_seconds():.0f} s ago"


def take(database: Database[_Documents], run: str) -> bool:
    """Mark a database as this run's, or renew the mark. Return False if another run's mark is there."""
    now, marks = _now(database), database[COLLECTION]
    void = {"$or": [{"run": run}, {"$nor": [{"at": {"$gte": now - VALID, "$lte": now + VALID}}]}]}
    try:
        marks.replace_one({**OWN, **void}, {**OWN, "run": run, "at": now}, upsert=True)
    except DuplicateKeyError:
        return False
    return True


def give_back(database: Database[_Documents], run: str) -> None:
    """Take the mark away, if it is this run's."""
    marks = database[COLLECTION]
    if marks.delete_one({**OWN, "run": run}).deleted_count and marks.find_one() is None:
        database.drop_collection(COLLECTION)


def _now(database: Database[_Documents]) -> datetime:
    now: datetime = database.client.admin.command("hello")["localTime"]
    return now
