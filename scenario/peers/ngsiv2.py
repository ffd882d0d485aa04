"""A broker that speaks NGSIv2, as Orion does. Rules and figures: https://fiware-orion.readthedocs.io."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, ClassVar
from urllib.parse import quote

from scenario.errors import BrokerError
from scenario.peers import own
from scenario.peers.answers import Answer, WrongShapeError, parse, words
from scenario.peers.broker import Request, update_number
from scenario.peers.failures import Failure, Kind
from scenario.peers.ngsiv2_answers import Problem, Version
from scenario.peers.queue import WithQueue
from scenario.settings.needs import FDS_PER_NOTIFICATION
from scenario.settings.secrets import answered
from scenario.settings.values import CLIENT_PATH

NEVER_CONNECTED, DATABASE_ERROR = "null DB connection", "Database Error"  # in the body of an error
MOST_LIBRARIES = 50  # Orion reports a dozen


class Ngsiv2(WithQueue):
    """One service of an Orion."""

    kind: ClassVar[str] = "orion"
    process_name: ClassVar[str] = "contextBroker"
    own_database: ClassVar[bool] = True
    keeps_closed: ClassVar[str] = "libcurl closes them at a worker's next use"
    fds_each: ClassVar[int] = FDS_PER_NOTIFICATION
    threads_each: ClassVar[int] = 1

    @classmethod
    def scope_of(cls, service_path: str) -> str:
        return service_path

    @classmethod
    def client_scope(cls) -> str:
        return CLIENT_PATH

    def database(self, prefix: str | None) -> str:
        """Orion's name with -multiservice; `prefix` is its -db."""
        return f"{prefix or 'orion'}-{self.service}"

    @property
    def own_documents(self) -> dict[str, dict[str, Any]]:
        """In the service paths of the test."""
        return own.queries([self.scope, CLIENT_PATH])

    @property
    def own_subscriptions(self) -> dict[str, dict[str, Any]]:
        return {"csubs": {"description": own.description(self.run)}}

    def version(self) -> Request:
        return Request("GET", "/version")

    def version_error(self, answer: Answer) -> Failure | None:
        """200 with any JSON object is right, because forks report other things."""
        if answer.status != 200:
            return self.failure_of(answer)
        try:
            answer.parsed(dict[str, Any])
        except WrongShapeError:
            return Failure(Kind.CONTENT, "200 without a JSON object")
        return None

    def failure_of(self, answer: Answer) -> Failure:
        """Orion 4.7.0 answers "Database Error" without its database, and "null DB connection" if it never had one."""
        kinds = ((NEVER_CONNECTED, Kind.NEVER_CONNECTED), (DATABASE_ERROR, Kind.NO_DATABASE))
        failure = answer.failure(next((kind for text, kind in kinds if text in answer.body), None))
        try:
            problem = answer.parsed(Problem)
        except WrongShapeError:
            return failure
        text = re.split(r" ?[({]collection| - |: \{", words(problem.description))[0]
        return Failure(failure.kind, answered(f"HTTP {answer.status} {problem.error}: {text}", 200))

    def ask_libraries(self) -> dict[str, str]:
        """Return the libraries of GET /version?options=libVersions; empty instead of an error if it does not answer."""
        try:
            return self.libraries_of(self._ask(Request("GET", "/version?options=libVersions")))
        except BrokerError:
            return {}

    def libraries_of(self, answer: Answer) -> dict[str, str]:
        """Return the names and versions of the block libversions."""
        try:
            libraries = answer.parsed(Version).orion.libversions if answer.status == 200 else None
        except WrongShapeError:
            return {}
        named = list(libraries.items())[:MOST_LIBRARIES] if isinstance(libraries, dict) else []
        return {answered(name, 80): answered(text, 80) for name, text in named if isinstance(text, str)}

    def name(self, version: str) -> str:
        """Return, for example, "Orion 4.7.0"; for another broker the start of its answer."""
        try:
            return f"Orion {answered(parse(version, Version).orion.version, 80)}"
        except WrongShapeError:
            return answered(version, 80)

    def uptime(self, version: str) -> int | None:
        """Return the uptime that Orion reports in days, hours, minutes and seconds."""
        try:
            text = parse(version, Version).orion.uptime
        except WrongShapeError:
            return None
        parts = re.fullmatch(r"(\d{1,9}) d, (\d\d?) h, (\d\d?) m, (\d\d?) s", text, re.ASCII)
        days, hours, minutes, seconds = map(int, parts.groups()) if parts else (0, 0, 0, 0)
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds if parts else None

    def subscribe(self, notify_url: str) -> Request:
        condition = {"condition": {"attrs": ["sent"]}} if self.scope == CLIENT_PATH else {}
        body = {
            "description": own.description(self.run),
            "subject": {"entities": [{"idPattern": ".*"}], **condition},
            "notification": {"http": {"url": notify_url}},
        }
        return self._post("/v2/subscriptions", body)

    def subscribe_error(self, answer: Answer) -> Failure | None:
        if answer.status != 201:
            return self.failure_of(answer)
        located = re.search(r"/v2/subscriptions/\w+", answer.headers.get("Location") or "")
        return None if located else Failure(Kind.CONTENT, "201 without the Location of a subscription")

    def update(self, sent: float, entity: int = 0) -> Request:
        """POST /v2/op/update; `sent` in us. Both are texts: Orion sometimes changes the last bit of a number."""
        return self._update("append", entity, number=_text(update_number(sent)), sent=_text(round(sent * 1_000_000)))

    def quiet_update(self, sent: float) -> Request:
        return self._update("append", number=_text(update_number(sent)))

    def update_error(self, answer: Answer) -> Failure | None:
        return None if answer.status == 204 else self.failure_of(answer)

    def query(self) -> Request:
        """GET /v2/entities?id=, because GET /v2/entities/ID ends an Orion 4.7.0 whose database is gone."""
        return self._get(f"/v2/entities?id={own.entity(self.run)}&type={own.TYPE}")

    def remove_entity(self) -> Request:
        return self._update("delete")

    def ask_count(self) -> int:
        answer = self._ask(self._get("/v2/subscriptions?limit=1&options=count"))
        if (number := self.counted(answer)) is not None:
            return number
        raise BrokerError(f"the broker did not count the subscriptions: {answer}", self.failure_of(answer).kind)

    def counted(self, answer: Answer) -> int | None:
        """Header Fiware-Total-Count."""
        number = answer.headers.get("Fiware-Total-Count", "")
        return int(number) if answer.status == 200 and re.fullmatch(r"[0-9]{1,9}", number) else None

    def remove(self, ask: Callable[[Request], Answer]) -> Iterator[int]:
        """DELETE one by one, because only that also empties the subscription cache at once."""
        subscriptions = self._to_remove(
            ask, "/v2/subscriptions", "", lambda each: own.is_description(each.description, self.run)
        )
        for removed, each in enumerate(subscriptions, 1):
            self._delete(ask, f"/v2/subscriptions/{quote(each.id, safe='')}")
            yield removed
        query = f"&idPattern=%5E{own.entity(self.run)}&type={own.TYPE}"
        entities = self._to_remove(ask, "/v2/entities", query, lambda each: own.is_entity(each.id, each.type, self.run))
        for each in entities:
            self._delete(ask, f"/v2/entities/{each.id}?type={own.TYPE}")

    @property
    def _headers(self) -> dict[str, str]:
        return {"Fiware-Service": self.service, "Fiware-ServicePath": self.scope}

    def _update(self, action: str, number_of: int = 0, **attributes: dict[str, str]) -> Request:
        entity = {"id": own.entity(self.run, number_of), "type": own.TYPE, **attributes}
        return self._post("/v2/op/update", {"actionType": action, "entities": [entity]})


def _text(value: int) -> dict[str, str]:
    return {"type": "Text", "value": str(value)}
