"""A context broker as the scenario needs it, whichever its kind: requests, what counts as a right answer, its state.

A kind (scenario.peers.ngsiv2, scenario.peers.ngsild) knows paths, headers and bodies; nobody else does.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any, ClassVar

import requests

from scenario.errors import BrokerError
from scenario.peers.answers import Answer, KeptAlive, ask
from scenario.peers.failures import Failure, of_exception
from scenario.peers.statistics import Cache
from scenario.settings.access import OPEN, Access
from scenario.settings.secrets import answered, redacted

MOST_TEXT = 10_000  # characters of GET /version that are kept
AGAIN_AFTER = 0.3  # s, for a query: with -writeConcern 0 Orion answers an update before the database has stored it


def update_number(sent: float) -> int:
    """Return the number of an update that is sent at a moment, s since the epoch: ms, so that it grows for ever."""
    return round(sent * 1000)


@dataclass(frozen=True)
class Request:
    """What is sent to the broker; `path` begins with a slash, an empty `body` is none."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True)
class Broker(ABC):
    """One service of a broker. The `..._error` methods return what is wrong with an answer; None when it is right."""

    kind: ClassVar[str]  # as the recorded options have it
    process_name: ClassVar[str] = ""
    in_mongodb: ClassVar[bool] = False  # each service has a database there, which the reset drops
    has_queue: ClassVar[bool] = False  # it tells of its notification queue
    speaks_ngsild: ClassVar[bool] = False
    fds_each: ClassVar[int]  # descriptors for a held notification
    threads_each: ClassVar[int]
    one_at_a_time: ClassVar[str] = ""  # what it works off one after the other: updates or notifications
    tries: ClassVar[int] = 1  # of a notification
    timeout: ClassVar[float | None] = None  # s that a receiver has; None: no limit, or not known
    breaker: ClassVar[float | None] = None  # s for which it drops what goes to a receiver that did not answer
    most_changes: ClassVar[int | None] = None  # that its queue takes; what is beyond is lost
    server_threads: ClassVar[int | None] = None  # in which it notifies, too

    host: str
    service: str
    scope: str  # keeps the slow subscriptions and the ordinary client's apart: a service path, or an entity type
    run: str = ""  # id of the run that subscriptions and entities are made for; empty: of any
    access: Access = OPEN

    @classmethod
    @abstractmethod
    def scope_of(cls, service_path: str) -> str:
        """Return the scope of the slow subscriptions, which is --service-path where the kind has one."""

    @classmethod
    @abstractmethod
    def client_scope(cls) -> str:
        """Return the ordinary client's."""

    @classmethod
    def holds(cls, addresses: int, updates: int) -> int | None:
        """Return how many notifications it holds at most at one time; None: unknown, or as many as there are."""
        return None

    def database(self, prefix: str | None) -> str:
        """Return the name of the service's database; `prefix` as the broker was told, None: its default."""
        return ""

    @property
    def own(self) -> dict[str, dict[str, Any]]:
        """What in that database is the test's, of whatever run: a query for each collection."""
        return {}

    own_subscriptions = own  # the same for the subscriptions of this run

    @abstractmethod
    def version(self) -> Request:
        """Ask the least that a broker can be asked: for its version, or whether it lives."""

    @abstractmethod
    def version_error(self, answer: Answer) -> Failure | None:
        """Judge the answer to `version`."""

    def about_request(self) -> Request:
        """Ask what it is."""
        return self.version()

    def about_error(self, answer: Answer) -> Failure | None:
        """Judge the answer to that."""
        return self.version_error(answer)

    def readiness(self) -> Request | None:
        """Ask whether it reaches its database; None: it has no such request."""
        return None

    @abstractmethod
    def failure_of(self, answer: Answer) -> Failure:
        """Return a wrong answer as a failure, of the kind that the broker's own words tell."""

    def uptime(self, version: str) -> int | None:
        """Return for how many seconds it has run, of the text of an answer to `version`; None: it does not tell."""
        return None

    @abstractmethod
    def name(self, version: str) -> str:
        """Return what the text of an answer to `version` comes to: product and version."""

    @abstractmethod
    def subscribe(self, notify_url: str) -> Request:
        """Subscribe a URL to every entity of the service path."""

    @abstractmethod
    def subscribe_error(self, answer: Answer) -> Failure | None:
        """Judge the answer to `subscribe`."""

    @abstractmethod
    def update(self, sent: float, entity: int = 0) -> Request:
        """Give an entity of the test's a new number, and the moment at which it is sent (s since the epoch)."""

    def quiet_update(self, sent: float) -> Request:
        """Give it a new number only, of which nobody is notified, where the kind of broker can do so."""
        return self.update(sent)

    @abstractmethod
    def update_error(self, answer: Answer) -> Failure | None:
        """Judge the answer to `update`."""

    @abstractmethod
    def query(self) -> Request:
        """Ask for the test's entity."""

    @abstractmethod
    def query_error(self, answer: Answer, number: int, beside: Container[int] = ()) -> Failure | None:
        """Judge the answer to `query`: it has to hold the number last written, a later one, or one of those `beside`.

        Number 0: nothing was written yet.
        """

    @abstractmethod
    def remove_entity(self) -> Request:
        """Remove the test's entity; answered as an update is."""

    @abstractmethod
    def remove(self, ask: Callable[[Request], Answer]) -> Iterator[int]:
        """Remove the subscriptions and entities of this run; yield how many subscriptions were, after each of them.

        Raises BrokerError.
        """

    def headers(self, request: Request) -> dict[str, str]:
        """Return those that a request is sent with."""
        return {**request.headers, **self.access.headers()}

    # What is asked besides the probes; every call raises BrokerError

    def ask_version(self) -> str:
        """Return the text of the answer to `about_request`."""
        asked = self.about_request()
        answer = self._ask(asked)
        if error := self.about_error(answer):
            raise BrokerError(f"the broker at {self.host} answered GET {asked.path} with {error}", error.kind)
        return answered(answer.body, MOST_TEXT)

    def ask_ready(self) -> bool:
        """Ask whether it reaches its database; return whether it has such a request."""
        if asked := self.readiness():
            self._ask_rightly(asked, lambda answer: None if answer.status == 200 else self.failure_of(answer))
        return asked is not None

    def ask_libraries(self) -> dict[str, str]:
        """Return its libraries' versions by name; none where it does not tell."""
        return {}

    @abstractmethod
    def ask_count(self) -> int:
        """Return how many subscriptions there are in the scope."""

    def ask_cache(self) -> Cache | None:
        """Return the subscription cache; None when the broker does not tell of it."""
        return None

    def ask_backlog(self) -> int | None:
        """Return how many notifications wait for a worker; None when the broker does not tell."""
        return None

    def remove_all(self) -> Iterator[int]:
        """Remove what this run made, over one connection; as `remove`."""
        connection = KeptAlive(self.host, self.access)

        def over_it(request: Request) -> Answer:
            try:
                return connection.ask(request.method, request.path, self.headers(request), request.body, again=True)
            except (OSError, HTTPException) as error:
                raise self._unanswered(request, error) from None

        try:
            yield from self.remove(over_it)
        finally:
            connection.close()

    def try_client(self, now: float) -> None:
        """Write an entity, read it back, and remove it again; `now` in s since the epoch."""
        number = update_number(now)
        self._ask_rightly(self.update(now), self.update_error)
        if self.query_error(self._ask(self.query()), number):
            time.sleep(AGAIN_AFTER)
            self._ask_rightly(self.query(), lambda answer: self.query_error(answer, number))
        self._ask_rightly(self.remove_entity(), self.update_error)

    def ensure_subscriptions(self, notify_url: str, wanted: int) -> None:
        """Subscribe a healthy URL as often as is wanted, less the subscriptions that there are."""
        self.add_subscriptions(notify_url, wanted - self.ask_count() if wanted else 0)

    def add_subscriptions(self, notify_url: str, number: int) -> None:
        """Subscribe a healthy URL so often."""
        for _ in range(number):
            self._ask_rightly(self.subscribe(notify_url), self.subscribe_error)

    def _ask_rightly(self, request: Request, error_of: Callable[[Answer], Failure | None]) -> None:
        if error := error_of(self._ask(request)):
            path = request.path.partition("?")[0]
            raise BrokerError(f"the broker at {self.host} answered {request.method} {path} with {error}", error.kind)

    def _ask(self, request: Request) -> Answer:
        try:
            return ask(request.method, self.host + request.path, self.headers(request), request.body, self.access)
        except requests.RequestException as error:
            raise self._unanswered(request, error) from None

    def _unanswered(self, request: Request, error: Exception) -> BrokerError:
        asked, failure = f"{request.method} {request.path.partition('?')[0]}", of_exception(error)
        text = f"the broker at {redacted(self.host)} (--host) did not answer {asked}: {failure}"
        return BrokerError(text, failure.kind)
