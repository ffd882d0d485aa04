"""Recognises what a run created in a broker, and nothing that only looks like it."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from typing import Any

from scenario.peers.failures import Failure, Kind

DESCRIPTION = "connections stress test"  # of subscriptions; a run's own have its id after a blank
ENTITY, TYPE = "ConnectionsStressTest", "Thing"  # the id of a run's own entity ends with the run's
_ID = "[0-9a-f]{32}"  # of a run
_NUMBER = r"\.[1-9][0-9]{0,3}"  # of a run's further entities, with --updates
_DESCRIPTIONS, _ENTITIES = f"{DESCRIPTION}( {_ID})?", f"{ENTITY}({_ID}({_NUMBER})?)?"

Query = dict[str, Any]


def description(run: str) -> str:
    """Return the description of a run's subscriptions."""
    return f"{DESCRIPTION} {run}".strip()


def entity(run: str, number: int = 0) -> str:
    """Return the id of a run's entity, or of a further one."""
    return f"{ENTITY}{run}.{number}" if number else f"{ENTITY}{run}"


def is_description(text: str, run: str) -> bool:
    """Whether `text` is the description of a run's subscriptions; with run "" of any run's."""
    return text == description(run) if run else re.fullmatch(_DESCRIPTIONS, text) is not None


def is_entity(identifier: str, kind: str, run: str) -> bool:
    """Whether id and type are those of a run's entity; with run "" of any run's."""
    pattern = f"{entity(run)}({_NUMBER})?" if run else _ENTITIES
    return re.fullmatch(pattern, identifier) is not None and kind == TYPE


def number_error(written: Sequence[int], number: int, concurrent: Container[int]) -> Failure | None:
    """Return what is wrong with the numbers that a query found; None if it is right.

    Right is the number last written, a later one, or one of `concurrent`. Number 0: nothing was written yet.
    """
    if not number or any(each >= number or each in concurrent for each in written):
        return None
    if not written:
        return Failure(Kind.NOT_STORED, "200 without the entity")
    return Failure(Kind.CONTENT, f"200 with number {written[0]} instead of {number}")


def queries(service_paths: list[str]) -> dict[str, Query]:
    """Return what finds the test's own of any run in the database of an Orion, by collection."""
    paths = {"$in": service_paths}
    return {
        "csubs": _of_texts({"description": _whole(_DESCRIPTIONS), "servicePath": paths}),
        "entities": _of_texts({"_id.id": _whole(_ENTITIES), "_id.type": TYPE, "_id.servicePath": paths}),
    }


def _whole(pattern: str) -> Query:
    """Return the query for a text that is all of a pattern: $ alone lets a line feed come after it."""
    return {"$regex": f"^{pattern}$", "$not": {"$regex": "\n"}}


def _of_texts(query: Query) -> Query:
    """Leave out lists: to MongoDB one is what any of its elements is."""
    return query | {f"{name}.0": {"$exists": False} for name in query}
