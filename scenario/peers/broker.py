"""The interface to a context broker of any kind: requests, right answers, its state.

A kind (scenario.peers.ngsiv2, scenario.peers.ngsild) knows paths, headers and bodies. No other module does.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from typing import Any, ClassVar

import requests

from scenario.errors import BrokerError
from scenario.peers.answers import Answer, KeptAlive, ask
from scenario.peers.failures import Failure, of_exception
from scenario.peers.statistics import Cache
from scenario.settings.access import OPEN, Access
from scenario.settings.secrets import answered, redacted

MOST_TEXT = 10_000  # characters kept of GET /version
AGAIN_AFTER = 0.3  # s until a query is repeated: with -writeConcern 0 Orion answers before the database has stored


def update_number(sent: float) -> int:
    """Return the number of an update sent at a time (s since the epoch): milliseconds, so that it always grows."""
    return round(sent * 1000)


@dataclass(frozen=True)
class Request:
    """A request to the broker. `path` starts with a slash; `body` "" means none."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path.partition('?')[0]}"


@dataclass(frozen=True)
class Broker(ABC):
    """One service of a broker. The `..._error` methods return what is wrong with an answer, or None."""

    kind: ClassVar[str]  # its name in recorded options
    process_name: ClassVar[str] = ""
    own_database: ClassVar[bool] = False  # each service has a MongoDB database, which the reset drops
    has_queue: ClassVar[bool] = False  # it reports its notification queue
    speaks_ngsild: ClassVar[bool] = False
    keeps_closed: ClassVar[str] = ""  # why it keeps connections that the receivers have closed, if known
    fds_each: ClassVar[int]  # file descriptors per held notification
    threads_each: ClassVar[int]
    tries: ClassVar[int] = 1  # attempts per notification
    timeout: ClassVar[float | None] = None  # s that a receiver may take; None: no limit, or unknown
    breaker: ClassVar[float | None] = None  # s for which it drops notifications to a receiver that did not answer
    most_changes: ClassVar[int | None] = None  # updates that its queue holds; more are lost
    server_threads: ClassVar[int | None] = None  # threads of its HTTP server, if they also notify

    host: str
    service: str
    scope: str  # separates the slow subscriptions from the ordinary client's: a service path, or an entity type
    run: str = ""  # id of the run that owns subscriptions and entities; "": any run
    access: Access = OPEN

    @classmethod
    @abstractmethod
    def scope_of(cls, service_path: str) -> str:
        """Return the scope of the slow subscriptions: --service-path, if this kind of broker has one."""

    @classmethod
    @abstractmethod
    def client_scope(cls) -> str:
        """Return the scope of the ordinary client."""

    @classmethod
    def holds(cls, addresses: int, updates: int) -> int | None:
        """Return the most notifications that it can hold at one time; None if unknown or unlimited."""
        return None

    def database(self, prefix: str | None) -> str:
        """Return the name of the service's database. `prefix` is the broker's -db; None means its default."""
        return ""

    @property
    def own_documents(self) -> dict[str, dict[str, Any]]:
        return {}  # the test's documents in that database, of any run: a query per collection

    own_subscriptions = own_documents  # the same, for this run's subscriptions

    @abstractmethod
    def version(self) -> Request:
        """Return the cheapest request that a broker answers: for its version or its liveness."""

    @abstractmethod
    def version_error(self, answer: Answer) -> Failure | None:
        """Return what is wrong with the answer to `version`; None if it is right."""

    def about_request(self) -> Request:  # for product and version
        return self.version()

    def about_error(self, answer: Answer) -> Failure | None:
        return self.version_error(answer)

    def readiness(self) -> Request | None:
        """Return the request that tells whether it reaches its database; None if it has no such request."""
        return None

    @abstractmethod
    def failure_of(self, answer: Answer) -> Failure:
        """Return a wrong answer as a failure, of the kind that its text implies."""

    def uptime(self, version: str) -> int | None:
        """Return the uptime in seconds from the text of an answer to `version`; None if it has none."""
        return None

    @abstractmethod
    def name(self, version: str) -> str:
        """Return product and version from the text of an answer to `version`."""

    @abstractmethod
    def subscribe(self, notify_url: str) -> Request:
        """Return the request that subscribes a URL to every entity of the scope."""

    @abstractmethod
    def subscribe_error(self, answer: Answer) -> Failure | None:
        """Return what is wrong with the answer to `subscribe`; None if it is right."""

    @abstractmethod
    def update(self, sent: float, entity: int = 0) -> Request:
        """Return the request that gives an entity a new number and the time of sending (s since the epoch)."""

    def quiet_update(self, sent: float) -> Request:
        """Return the request that gives the entity a new number, without notifying anyone if that is possible."""
        return self.update(sent)

    @abstractmethod
    def update_error(self, answer: Answer) -> Failure | None:
        """Return what is wrong with the answer to `update`; None if it is right."""

    @abstractmethod
    def query(self) -> Request:
        """Return the request for the test's entity."""

    @abstractmethod
    def query_error(self, answer: Answer, number: int, concurrent: Container[int] = ()) -> Failure | None:
        """Return what is wrong with the answer to `query`; None if it is right.

        It must have the number last written, a later one, or one of `concurrent`. Number 0: nothing was written yet.
        """

    @abstractmethod
    def remove_entity(self) -> Request:
        """Return the request that removes the test's entity. `update_error` is for its answer, too."""

    @abstractmethod
    def remove(self, ask: Callable[[Request], Answer]) -> Iterator[int]:
        """Remove the subscriptions and entities of this run. Yield the number removed after each subscription.

        Raises BrokerError.
        """

    def headers(self, request: Request) -> dict[str, str]:
        """Return the headers of a request."""
        return {**request.headers, **self.access.headers()}

    # Requests outside the probes. Every call may raise BrokerError

    def ask_version(self) -> str:
        """Return the text of the answer to `about_request`."""
        return answered(self._ask_rightly(self.about_request(), self.about_error).body, MOST_TEXT)

    def ask_ready(self) -> None:
        """Check that it reaches its database, if it has such a request."""
        if asked := self.readiness():
            self._ask_rightly(asked, lambda answer: None if answer.status == 200 else self.failure_of(answer))

    def ask_libraries(self) -> dict[str, str]:
        """Return the versions of its libraries by name; empty if it does not report them."""
        return {}

    @abstractmethod
    def ask_count(self) -> int:
        """Return the number of subscriptions in the scope."""

    def ask_cache(self) -> Cache | None:
        """Return the state of the subscription cache; None if the broker does not report it."""
        return None

    def ask_backlog(self) -> int | None:
        """Return the number of notifications that wait for a worker; None if the broker does not report it."""
        return None

    def remove_all(self) -> Iterator[int]:
        """Remove what this run created, over one connection. Yields like `remove`."""
        connection = KeptAlive(self.host, self.access)
        try:
            yield from self.remove(partial(self._ask_over, connection, again=True))
        finally:
            connection.close()

    def prepare(self, now: float) -> None:  # noqa: B027 - most kinds need nothing
        """Do what has to be done before several write at one time. `now` is in s since the epoch."""

    def try_client(self, now: float) -> None:
        """Write an entity, read it back and remove it. `now` is in s since the epoch."""
        number = update_number(now)
        self._ask_rightly(self.update(now), self.update_error)
        if self.query_error(self._ask(self.query()), number):
            time.sleep(AGAIN_AFTER)
            self._ask_rightly(self.query(), lambda answer: self.query_error(answer, number))
        self._ask_rightly(self.remove_entity(), self.update_error)

    def ensure_subscriptions(self, notify_url: str, wanted: int) -> None:
        """Create healthy subscriptions until there are as many as wanted."""
        self.add_subscriptions(notify_url, wanted - self.ask_count() if wanted else 0)

    def add_subscriptions(self, notify_url: str, number: int) -> None:
        """Create that many subscriptions of a healthy URL."""
        for _ in range(number):
            self._ask_rightly(self.subscribe(notify_url), self.subscribe_error)

    def _ask_rightly(self, request: Request, error_of: Callable[[Answer], Failure | None]) -> Answer:
        answer = self._ask(request)
        if error := error_of(answer):
            raise BrokerError(f"the broker at {self.host} answered {request} with {error}", error.kind)
        return answer

    def _ask(self, request: Request) -> Answer:
        try:
            return ask(request.method, self.host + request.path, self.headers(request), request.body, self.access)
        except requests.RequestException as error:
            raise self._unanswered(request, error) from None

    def _ask_over(self, connection: KeptAlive, request: Request, *, again: bool = False) -> Answer:
        try:
            return connection.ask(request.method, request.path, self.headers(request), request.body, again=again)
        except (OSError, HTTPException) as error:
            raise self._unanswered(request, error) from None

    def _unanswered(self, request: Request, error: Exception) -> BrokerError:
        failure = of_exception(error)
        text = f"the broker at {redacted(self.host)} (--host) did not answer {request}: {failure}"
        return BrokerError(text, failure.kind)
