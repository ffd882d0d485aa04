"""A broker that speaks NGSI-LD, whichever: what all of them were seen to take is sent, and what any answers is right.

Slow subscriptions and those of the ordinary client are kept apart by entity type: a tenant has no service paths. What
a product does otherwise than others is in the module of its name. Measured on Scorpio 5.0.3 and Antares 0.1.0.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Container, Iterator
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote

from scenario.errors import BrokerError
from scenario.peers import own
from scenario.peers.answers import Answer, KeptAlive, WrongShapeError
from scenario.peers.broker import Broker, Request, update_number
from scenario.peers.failures import Failure, Kind
from scenario.peers.ngsild_answers import Entity, Listed
from scenario.settings.secrets import answered

SLOW, CLIENT = "ConnectionsStressTest", "ConnectionsStressTestClient"  # entity types
PAGE = 1000  # subscriptions in an answer: more is refused by Scorpio and Antares
MOST_ROUNDS = 10  # of looks for subscriptions to be removed; the second finds none
FIRST_WRITE = 30.0  # s; Scorpio 5.0.3 answers 500 from then on where the first one is given up before its answer
NO_TENANT = 404  # to a list: nothing was written in this tenant yet
_ROOT = "/ngsi-ld/v1"
_DEFAULT_CONTEXT = "https://uri.etsi.org/ngsi-ld/default-context/"  # of a type that was not compacted
_ANY_RUN = "[0-9a-f]{32}|none"


class NgsiLd(Broker):
    """One tenant of an NGSI-LD broker; of an unknown one, where no product is named."""

    kind: ClassVar[str] = "ngsi-ld"
    product: ClassVar[str] = "an NGSI-LD broker"
    live: ClassVar[str] = f"{_ROOT}/subscriptions?limit=1"  # the least that every one answers; it needs the database
    about: ClassVar[str] = live  # tells the version
    ready: ClassVar[str] = ""
    process_name: ClassVar[str] = ""
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
    def holds(cls, addresses: int, updates: int) -> int | None:
        """Return how many notifications it holds at most at one time; None: unknown."""
        return None

    @classmethod
    def tells(cls, text: str) -> str:
        """Return the version that an answer to GET `about` tells; raises WrongShapeError: it is another's."""
        return ""

    @classmethod
    def recognises(cls, answer: Answer) -> bool:
        """Whether an answer to GET `about` is one of this product; of any, a list or that no tenant is there."""
        if cls.about == cls.live and cls.live.startswith(_ROOT):
            return answer.status == 200 or (answer.status == NO_TENANT and "tenant" in answer.body.lower())
        try:
            return answer.status == 200 and bool(cls.tells(answer.body))
        except WrongShapeError:
            return False

    def version(self) -> Request:
        """Ask whether it lives; without its database, where the product has such a request."""
        return Request("GET", self.live, self._headers)

    def version_error(self, answer: Answer) -> Failure | None:
        right = answer.status == 200 or (self.live.startswith(_ROOT) and self.recognises(answer))
        return None if right else self.failure_of(answer)

    def about_request(self) -> Request:
        return Request("GET", self.about, self._headers)

    def about_error(self, answer: Answer) -> Failure | None:
        return None if self.recognises(answer) else self.failure_of(answer)

    def readiness(self) -> Request | None:
        return Request("GET", self.ready, self._headers) if self.ready else None

    def name(self, version: str) -> str:
        try:
            return f"{self.product} {answered(self.tells(version), 80)}".strip()
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
        return self._post("/subscriptions", body)

    def subscribe_error(self, answer: Answer) -> Failure | None:
        """201 with a Location is right; 409, too: the id is drawn, so it was made by the same request, sent twice."""
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
        return self._post("/entityOperations/upsert", [body])

    def update_error(self, answer: Answer) -> Failure | None:
        """201 for a new entity, and 204 are right."""
        return None if answer.status in (201, 204) else self.failure_of(answer)

    def query(self) -> Request:
        """GET by id and type: Antares answers 400 without the type."""
        return self._get(f"/entities?id={self._entity()}&type={self.scope}")

    def query_error(self, answer: Answer, number: int, beside: Container[int] = ()) -> Failure | None:
        if answer.status != 200:
            return self.failure_of(answer)
        try:
            found = answer.parsed(list[Entity])
        except WrongShapeError as error:
            return Failure(Kind.CONTENT, f"200 without what was written: {error}")
        return own.number_error([entity.written for entity in found], number, beside)

    def remove_entity(self) -> Request:
        return Request("DELETE", f"{_ROOT}/entities/{self._entity()}", self._headers)

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
        """Count those of the test's, of any run, by pages: Scorpio has no header for it."""
        return sum(1 for _ in self._own(self._ask, "/subscriptions", "", any_run=True))

    def remove(self, ask: Callable[[Request], Answer]) -> Iterator[int]:
        """DELETE one by one, until a look finds none any more."""
        removed = 0
        for _ in range(MOST_ROUNDS):
            found = list(self._own(ask, "/subscriptions", ""))
            for each in found:
                self._delete(ask, f"/subscriptions/{quote(each.id, safe=':')}")
                removed += 1
                yield removed
            if not found:
                break
        else:
            raise BrokerError("the broker still lists subscriptions that it reported as removed", Kind.CONTENT)
        for entity in list(self._own(ask, "/entities", f"&type={self.scope}")):
            self._delete(ask, f"/entities/{entity.id}")

    def _own(
        self, ask: Callable[[Request], Answer], path: str, query: str, *, any_run: bool = False
    ) -> Iterator[Listed]:
        """Yield what is this run's in the scope; of all runs without one."""
        run, offset = "" if any_run else self.run, 0
        while page := self._page(ask, path, f"{query}&offset={offset}"):
            yield from (each for each in page if self._is_own(each, run, subscription=path == "/subscriptions"))
            if len(page) < PAGE:
                return
            offset += len(page)

    def _is_own(self, each: Listed, run: str, *, subscription: bool) -> bool:
        of_run = run or f"({_ANY_RUN})"
        if subscription:
            named = re.fullmatch(f"urn:ngsi-ld:Subscription:{of_run}:{self.scope}:[0-9a-f]{{32}}", each.id)
            return named is not None and own.is_description(each.description, run)
        named = re.fullmatch(f"urn:ngsi-ld:{self.scope}:{of_run}(:[0-9]{{1,4}})?", each.id)
        return named is not None and each.type.removeprefix(_DEFAULT_CONTEXT) == self.scope

    def _page(self, ask: Callable[[Request], Answer], path: str, query: str) -> list[Listed]:
        answer = ask(self._get(f"{path}?limit={PAGE}{query}"))
        try:
            if answer.status == 200:
                return answer.parsed(list[Listed])
        except WrongShapeError:
            pass
        if answer.status == NO_TENANT:
            return []
        raise BrokerError(f"the broker answered GET {path} with {answer}", self.failure_of(answer).kind)

    def _delete(self, ask: Callable[[Request], Answer], path: str) -> None:
        answer = ask(Request("DELETE", _ROOT + path, self._headers))
        if answer.status not in (204, 404):  # 404: somebody else removed it
            raise BrokerError(f"the broker answered DELETE {path} with {answer}", self.failure_of(answer).kind)

    def _entity(self, number: int = 0) -> str:
        return f"urn:ngsi-ld:{self.scope}:{self.run or 'none'}" + (f":{number}" if number else "")

    @property
    def _headers(self) -> dict[str, str]:
        """Accept always: Scorpio answers 406 without it."""
        return {"Accept": "application/json", "NGSILD-Tenant": self.service}

    def _get(self, path: str) -> Request:
        return Request("GET", _ROOT + path, self._headers)

    def _post(self, path: str, body: object) -> Request:
        headers = {"Content-Type": "application/json", **self._headers}
        return Request("POST", _ROOT + path, headers, json.dumps(body))


def _text(value: int) -> dict[str, Any]:
    return {"type": "Property", "value": str(value)}
