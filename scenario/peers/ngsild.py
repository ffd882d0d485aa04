"""Any broker that speaks NGSI-LD. It gets requests that all of them were seen to take.

Entity types separate the slow subscriptions from the ordinary client's, because a tenant has no service paths. What
only one product does is in the module of its name. Measured on Scorpio 5.0.3 and Antares 0.1.0.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote

from scenario.peers import own
from scenario.peers.answers import Answer, KeptAlive, WrongShapeError
from scenario.peers.broker import Request, update_number
from scenario.peers.failures import Failure, Kind
from scenario.peers.ngsi import Listed, Ngsi
from scenario.settings.secrets import answered

SLOW, CLIENT = "ConnectionsStressTest", "ConnectionsStressTestClient"  # entity types
FIRST_WRITE = 30.0  # s; Scorpio 5.0.3 answers 500 from then on where the first one is given up before its answer
NO_TENANT = 404  # to a list: nothing was written in this tenant yet
_ROOT = "/ngsi-ld/v1"
_SUBSCRIPTIONS, _ENTITIES = f"{_ROOT}/subscriptions", f"{_ROOT}/entities"
_DEFAULT_CONTEXT = "https://uri.etsi.org/ngsi-ld/default-context/"  # of a type that was not compacted


class NgsiLd(Ngsi):
    """One tenant of an NGSI-LD broker of an unknown product."""

    kind: ClassVar[str] = "ngsi-ld"
    product: ClassVar[str] = "an NGSI-LD broker"
    live: ClassVar[str] = f"{_SUBSCRIPTIONS}?limit=1"  # the cheapest that all answer; it needs the database
    about: ClassVar[str] = live  # tells the version
    ready: ClassVar[str] = ""
    speaks_ngsild: ClassVar[bool] = True
    fds_each: ClassVar[int] = 1  # a socket
    threads_each: ClassVar[int] = 0

    @classmethod
    def scope_of(cls, service_path: str) -> str:
        return SLOW

    @classmethod
    def client_scope(cls) -> str:
        return CLIENT

    @classmethod
    def version_in(cls, text: str) -> str:
        """Return the version in the body of the answer to GET `about`. Raises WrongShapeError for another product's."""
        return ""

    @classmethod
    def recognises(cls, answer: Answer) -> bool:
        """Whether this product answers GET `about` so. An unknown one answers a list, or that the tenant is unknown."""
        if cls.about.startswith(_ROOT):
            return answer.status == 200 or (answer.status == NO_TENANT and "tenant" in answer.body.lower())
        try:
            return answer.status == 200 and bool(cls.version_in(answer.body))
        except WrongShapeError:
            return False

    def version(self) -> Request:
        """GET `live`, which needs no database if the product has such a request."""
        return self._get(self.live)

    def version_error(self, answer: Answer) -> Failure | None:
        right = answer.status == 200 or (self.live.startswith(_ROOT) and self.recognises(answer))
        return None if right else self.failure_of(answer)

    def about_request(self) -> Request:
        return self._get(self.about)

    def about_error(self, answer: Answer) -> Failure | None:
        return None if self.recognises(answer) else self.failure_of(answer)

    def readiness(self) -> Request | None:
        return self._get(self.ready) if self.ready else None

    def name(self, version: str) -> str:
        try:
            return f"{self.product} {answered(self.version_in(version), 80)}".strip()
        except WrongShapeError:
            return self.product

    def failure_of(self, answer: Answer) -> Failure:
        """Seen on Scorpio 5.0.3 without its database: 500 Connection refused, and 404 ResourceNotFound to an update."""
        gone = answer.status == 500 and "onnection refused" in answer.body
        return answer.failure(Kind.NO_DATABASE if gone else None)

    def subscribe(self, notify_url: str) -> Request:
        """POST a subscription with an id of its own."""
        body = {
            "id": f"urn:ngsi-ld:Subscription:{self.run or 'none'}:{self.scope}:{uuid.uuid4().hex}",
            "type": "Subscription",
            "description": own.description(self.run),
            "entities": [{"type": self.scope}],
            "notification": {"endpoint": {"uri": notify_url, "accept": "application/json"}},
        }
        return self._post(_SUBSCRIPTIONS, body)

    def subscribe_error(self, answer: Answer) -> Failure | None:
        """201 with a Location is right. So is 409: the id is random, so the same request, sent twice, has made it."""
        if answer.status == 201 and "/subscriptions/" not in (answer.headers.get("Location") or ""):
            return Failure(Kind.CONTENT, "201 without the Location of a subscription")
        return None if answer.status in (201, 409) else self.failure_of(answer)

    def update(self, sent: float, entity: int = 0) -> Request:
        """POST an upsert of one entity; `sent` in us. Both as texts: a broker may change a number's last bit."""
        body = {
            "id": self._entity(entity),
            "type": self.scope,
            "number": _text(update_number(sent)),
            "sent": _text(round(sent * 1_000_000)),
        }
        return self._post(f"{_ROOT}/entityOperations/upsert", [body])

    def update_error(self, answer: Answer) -> Failure | None:
        """201 for a new entity, and 204 are right."""
        return None if answer.status in (201, 204) else self.failure_of(answer)

    def query(self) -> Request:
        """GET by id and type: Antares answers 400 without the type."""
        return self._get(f"{_ENTITIES}?id={self._entity()}&type={self.scope}")

    def remove_entity(self) -> Request:
        return Request("DELETE", f"{_ENTITIES}/{self._entity()}", self._headers)

    def prepare(self, now: float) -> None:
        """Have the tenant made by one write alone: Scorpio makes a database, and refuses others meanwhile with 500.

        It is the ordinary client's entity: slow subscriptions that an earlier run left are not notified of it.
        """
        client, connection = replace(self, scope=CLIENT), KeptAlive(self.host, self.access, FIRST_WRITE)
        try:
            for asked in (client.update(now), client.remove_entity()):
                self._ask_over(connection, asked)
        finally:
            connection.close()

    def try_client(self, now: float) -> None:
        self.prepare(now)
        super().try_client(now)

    def ask_count(self) -> int:
        """Count those of the test, of any run, page by page: Scorpio has no header for their number."""
        any_run = replace(self, run="")
        return sum(1 for _ in self._search(self._ask, _SUBSCRIPTIONS, "", any_run._is_own_subscription))

    def remove(self, ask: Callable[[Request], Answer]) -> Iterator[int]:
        """DELETE one by one."""
        subscriptions = self._to_remove(ask, _SUBSCRIPTIONS, "", self._is_own_subscription)
        for removed, each in enumerate(subscriptions, 1):
            self._delete(ask, f"{_SUBSCRIPTIONS}/{quote(each.id, safe=':')}")
            yield removed
        for each in self._to_remove(ask, _ENTITIES, f"&type={self.scope}", self._is_own_entity):
            self._delete(ask, f"{_ENTITIES}/{each.id}")

    def _is_own_subscription(self, each: Listed) -> bool:
        pattern = f"urn:ngsi-ld:Subscription:{self._of_run}:{self.scope}:[0-9a-f]{{32}}"
        return re.fullmatch(pattern, each.id) is not None and own.is_description(each.description, self.run)

    def _is_own_entity(self, each: Listed) -> bool:
        pattern = f"urn:ngsi-ld:{self.scope}:{self._of_run}(:[0-9]{{1,4}})?"
        return re.fullmatch(pattern, each.id) is not None and each.type.removeprefix(_DEFAULT_CONTEXT) == self.scope

    @property
    def _of_run(self) -> str:
        """The pattern of the run's id, or of any run's without one."""
        return self.run or "([0-9a-f]{32}|none)"

    def _page(self, ask: Callable[[Request], Answer], path: str) -> list[Listed]:
        return super()._page(lambda asked: _empty_without_tenant(ask(asked)), path)

    def _entity(self, number: int = 0) -> str:
        return f"urn:ngsi-ld:{self.scope}:{self.run or 'none'}" + (f":{number}" if number else "")

    @property
    def _headers(self) -> dict[str, str]:
        """Accept always, because Scorpio answers 406 without it."""
        return {"Accept": "application/json", "NGSILD-Tenant": self.service}


def _empty_without_tenant(answer: Answer) -> Answer:
    return Answer(200, {}, "[]") if answer.status == NO_TENANT else answer


def _text(value: int) -> dict[str, Any]:
    return {"type": "Property", "value": str(value)}
