"""The mark that a run under way leaves in its service's database, so that no other one drops it meanwhile.

It is renewed every few seconds: that of a run that was killed is void soon. Its time is that of the database's host.
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
    """Return the id of the run that holds a database, and when it was last seen there; empty: none does."""
    found, now = database[COLLECTION].find_one(OWN), _now(database)
    at = found["at"] if found and "at" in found else None
    if found is None or not isinstance(at, datetime) or abs(now - at) > VALID:
        return ""
    return f"run {found.get('run')}, last seen {(now - at).total_seconds():.0f} s ago"


def take(database: Database[_Documents], run: str) -> bool:
    """Mark a database as this run's, or renew the mark; False: another run's mark is there."""
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
