"""Subscriptions as MongoDB stores them, what they match, and the cache that notifications come from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Document = dict[str, Any]


class Subject(NamedTuple):
    """The entities a subscription watches. An empty `type` is any type."""

    id: str
    id_is_pattern: bool
    type: str
    type_is_pattern: bool

    def matches(self, entity_id: str, entity_type: str) -> bool:
        """Tell whether an entity is watched; patterns match anywhere, as regexec(3) does."""
        return _fits(self.id, self.id_is_pattern, entity_id) and (
            not self.type or _fits(self.type, self.type_is_pattern, entity_type)
        )


def _fits(wanted: str, is_pattern: bool, actual: str) -> bool:
    return bool(re.search(wanted, actual)) if is_pattern else wanted == actual


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription of the cache; `watched` and `notified` are attribute names, empty: all of them."""

    id: str
    service: str
    service_path: str
    subjects: tuple[Subject, ...]
    watched: frozenset[str]
    notified: tuple[str, ...]
    url: str

    @classmethod
    def from_document(cls, service: str, document: Mapping[str, Any]) -> Subscription:
        """Read a document of the collection `csubs`."""
        return cls(
            id=str(document["_id"]),
            service=service,
            service_path=document["servicePath"],
            subjects=tuple(
                Subject(e["id"], e["isPattern"] == "true", e.get("type", ""), e.get("isTypePattern", False))
                for e in document["entities"]
            ),
            watched=frozenset(document["conditions"]),
            notified=tuple(document["attrs"]),
            url=document["reference"],
        )

    def matches(self, service: str, service_path: str, entity_id: str, entity_type: str, changed: set[str]) -> bool:
        """Tell whether a change of the attributes `changed` of an entity is to be notified."""
        return (
            self.service == service
            and (not self.watched or not self.watched.isdisjoint(changed))
            and path_matches(self.service_path, service_path)
            and any(subject.matches(entity_id, entity_type) for subject in self.subjects)
        )


PROJECTION = ("servicePath", "entities", "conditions", "attrs", "reference")


def path_matches(wanted: str, actual: str) -> bool:
    """Tell whether a service path is `wanted`, or below it when it ends in /# ."""
    if wanted.endswith("/#"):
        above = wanted[:-2]
        return actual == above or actual.startswith(above + "/")
    return wanted == actual


class Cache:
    """Every subscription of every service, as of the last refresh and what was created since."""

    def __init__(self) -> None:
        self._items: dict[str, Subscription] = {}
        self._refreshes = self._inserts = self._removes = self._updates = 0

    def matching(
        self, service: str, service_path: str, entity_id: str, entity_type: str, changed: set[str]
    ) -> list[Subscription]:
        """List the subscriptions that a change triggers."""
        return [
            item
            for item in self._items.values()
            if item.matches(service, service_path, entity_id, entity_type, changed)
        ]

    def put(self, item: Subscription) -> None:
        """Add or replace a subscription."""
        before = self._items.get(item.id)
        if before is None:
            self._inserts += 1
        elif before != item:
            self._updates += 1
        self._items[item.id] = item

    def refresh(self, stored: Iterable[Subscription]) -> None:
        """Take over what is stored. `stored` may yield to other greenlets: what they put meanwhile is kept."""
        gone = set(self._items)
        for item in stored:
            self.put(item)
            gone.discard(item.id)
        for key in gone:
            del self._items[key]
        self._removes += len(gone)
        self._refreshes += 1

    def statistics(self) -> Document:
        """Return the body of GET /cache/statistics; Orion lists the ids in a buffer of 1,024 bytes or not at all."""
        ids = ", ".join(self._items) if len(self._items) < 1024 // 26 else "too many subscriptions"
        return {
            "ids": ids,
            "refresh": self._refreshes,
            "inserts": self._inserts,
            "removes": self._removes,
            "updates": self._updates,
            "items": len(self._items),
        }
