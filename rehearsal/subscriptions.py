"""Subscriptions as MongoDB stores them, what they match, and the cache that notifications come from."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

Document = dict[str, Any]


class Subject(NamedTuple):
    """The entities a subscription watches. An empty `type` is any type."""

    id: str
    id_is_pattern: bool
    type: str
    type_is_pattern: bool

    def matches(self, entity_id: str, entity_type: str) -> bool:
        """Whether an entity is watched; patterns match anywhere, as regexec(3) does."""
        return _fits(self.id, self.id_is_pattern, entity_id) and (
            not self.type or _fits(self.type, self.type_is_pattern, entity_type)
        )


def _fits(wanted: str, is_pattern: bool, actual: str) -> bool:
    return bool(re.search(wanted, actual)) if is_pattern else wanted == actual


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription of the cache. `watched` and `notified` are attribute names; empty: all attributes."""

    id: str
    service: str
    service_path: str
    subjects: tuple[Subject, ...]
    watched: frozenset[str]
    notified: tuple[str, ...]
    url: str
    status: str
    max_fails: int

    @classmethod
    def from_document(cls, service: str, document: Mapping[str, Any]) -> Subscription:
        """Read a document of the collection `csubs`."""
        return cls(
            id=str(document["_id"]),
            service=service,
            service_path=document["servicePath"],
            subjects=tuple(
                Subject(e["id"], _is_true(e["isPattern"]), e.get("type", ""), e.get("isTypePattern", False))
                for e in document["entities"]
            ),
            watched=frozenset(document["conditions"]),
            notified=tuple(document["attrs"]),
            url=document["reference"],
            status=document["status"],
            max_fails=document.get("maxFailsLimit", -1),
        )

    def matches(self, service: str, service_path: str, entity_id: str, entity_type: str, changed: set[str]) -> bool:
        """Whether a change of an entity's attributes `changed` triggers a notification."""
        return (
            self.service == service
            and self.status == "active"
            and (not self.watched or not self.watched.isdisjoint(changed))
            and path_matches(self.service_path, service_path)
            and any(subject.matches(entity_id, entity_type) for subject in self.subjects)
        )


PROJECTION = ("servicePath", "entities", "conditions", "attrs", "reference", "status", "maxFailsLimit")


def _is_true(value: bool | str) -> bool:
    return value in (True, "true")  # Orion 3 wrote a text


@dataclass
class History:
    """The cache's figures of a subscription's notifications. Times in s since the epoch, 0: never."""

    sent: int = 0
    last_sent: float = 0.0
    last_success: float = 0.0
    last_failure: float = 0.0
    fails: int = 0  # in a row

    @property
    def last_change(self) -> float:
        """When a notification was last sent or ended."""
        return max(self.last_sent, self.last_success, self.last_failure)

    def shown(self) -> Document:
        """Return the figures as GET /v2/subscriptions shows them."""
        moments = {
            "lastNotification": self.last_sent,
            "lastFailure": self.last_failure,
            "lastSuccess": self.last_success,
        }
        counts = {"timesSent": self.sent, "failsCounter": self.fails}
        return {name: count for name, count in counts.items() if count} | {
            name: datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            for name, moment in moments.items()
            if moment
        }


def path_matches(wanted: str, actual: str) -> bool:
    """Whether a service path matches `wanted`, which may end in /# for all paths below."""
    if wanted.endswith("/#"):
        above = wanted[:-2]
        return actual == above or actual.startswith(above + "/")
    return wanted == actual


class Cache:
    """Every subscription of every service, as of the last refresh, and those created since."""

    def __init__(self) -> None:
        self._items: dict[str, Subscription] = {}
        self.histories: defaultdict[str, History] = defaultdict(History)
        self._refreshes = self._inserts = self._removes = self._updates = 0
        self._asked = 0.0  # when forget_changes() was last called, in s since the epoch

    def matching(
        self, service: str, service_path: str, entity_id: str, entity_type: str, changed: set[str]
    ) -> list[Subscription]:
        """List the subscriptions that a change triggers."""
        return [
            item
            for item in self._items.values()
            if item.matches(service, service_path, entity_id, entity_type, changed)
        ]

    def get(self, subscription_id: str) -> Subscription | None:
        """Return a subscription, or None if it is not cached."""
        return self._items.get(subscription_id)

    def count(self, service: str) -> int:
        """Count the subscriptions of a service."""
        return sum(item.service == service for item in self._items.values())

    def put(self, item: Subscription) -> None:
        """Add or replace a subscription."""
        before = self._items.get(item.id)
        if before is None:
            self._inserts += 1
        elif before != item:
            self._updates += 1
        self._items[item.id] = item

    def remove(self, subscription_id: str) -> None:
        """Remove a subscription."""
        self.histories.pop(subscription_id, None)
        if self._items.pop(subscription_id, None):
            self._removes += 1

    def sent(self, item: Subscription) -> int:
        """Record that a notification was sent. Return how many before it failed in a row."""
        history = self.histories[item.id]
        history.sent, history.last_sent = history.sent + 1, time.time()
        return history.fails

    def note_answer(self, item: Subscription, is_answered: bool, fails_before: int) -> bool:
        """Record how a notification ended. Return whether the subscription is inactive from now on.

        It is if it failed once more after maxFailsLimit times in a row (subNotificationErrorStatus in Orion 4.7.0).
        """
        history = self.histories[item.id]
        if is_answered:
            history.fails, history.last_success = 0, time.time()
            return False
        history.fails, history.last_failure = history.fails + 1, time.time()
        if not 0 < item.max_fails <= fails_before or item.id not in self._items:
            return False
        self._items[item.id] = replace(item, status="inactive")
        return True

    def forget_changes(self) -> bool:
        """Whether half of the subscriptions or more were notified or answered since the last call."""
        since, self._asked = self._asked, time.time()
        changed = sum(history.last_change > since for history in self.histories.values())
        return changed >= max(1, len(self._items) // 2)

    def refresh(self, stored: Iterable[Subscription]) -> None:
        """Replace the cache by what is stored. While `stored` yields, other greenlets may put more; that is kept."""
        gone = set(self._items)
        for item in stored:
            self.put(item)
            gone.discard(item.id)
        for key in gone:
            self._items.pop(key, None)
            self.histories.pop(key, None)
        self._removes += len(gone)
        self._refreshes += 1

    def statistics(self) -> Document:
        """Return the body of GET /cache/statistics. Orion lists the ids only if they fit in a buffer of 1,024 bytes."""
        ids = ", ".join(self._items) if len(self._items) < 1024 // 26 else "too many subscriptions"
        return {
            "ids": ids,
            "refresh": self._refreshes,
            "inserts": self._inserts,
            "removes": self._removes,
            "updates": self._updates,
            "items": len(self._items),
        }
