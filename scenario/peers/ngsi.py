"""What the NGSIv2 and the NGSI-LD side have in common: requests with JSON, the number of the last update, lists."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Container, Iterator
from typing import Annotated

import msgspec

from scenario.errors import BrokerError
from scenario.peers import own
from scenario.peers.answers import Answer, WrongShapeError
from scenario.peers.broker import Broker, Request
from scenario.peers.failures import Failure, Kind

PAGE = 1000  # subscriptions or entities per answer: the most that Orion, Scorpio and Antares take
MOST_ROUNDS = 10  # searches for what is to be removed; normally the second finds nothing


class Listed(msgspec.Struct, frozen=True):
    """A subscription or an entity."""

    id: str
    type: str = ""
    description: str = ""


class Number(msgspec.Struct, frozen=True):
    """The attribute with an update's number."""

    value: Annotated[str, msgspec.Meta(pattern="^[0-9]{1,18}$")]


class Entity(msgspec.Struct, frozen=True):
    """The test's entity in the answer to a query."""

    number: Number


class Ngsi(Broker):
    """One service of a broker."""

    @property
    @abstractmethod
    def _headers(self) -> dict[str, str]:
        """The headers that name the service, and the scope where the kind has a header for it."""

    def _get(self, path: str) -> Request:
        return Request("GET", path, self._headers)

    def _post(self, path: str, body: object) -> Request:
        return Request("POST", path, {"Content-Type": "application/json", **self._headers}, json.dumps(body))

    def query_error(self, answer: Answer, number: int, concurrent: Container[int] = ()) -> Failure | None:
        """200 alone is not enough: without its database Orion 4.7.0 answers 200 []."""
        if answer.status != 200:
            return self.failure_of(answer)
        try:
            found = answer.parsed(list[Entity])
        except WrongShapeError as error:
            return Failure(Kind.CONTENT, f"200 without the value that was written: {error}")
        return own.number_error([int(entity.number.value) for entity in found], number, concurrent)

    def _to_remove(
        self, ask: Callable[[Request], Answer], path: str, query: str, is_own: Callable[[Listed], bool]
    ) -> Iterator[Listed]:
        """Yield the test's own of a list, for the caller to remove, until a search finds nothing more.

        Raises BrokerError.
        """
        for _ in range(MOST_ROUNDS):
            found = False
            for each in self._search(ask, path, query, is_own, removing=True):
                found = True
                yield each
            if not found:
                return
        what = path.rpartition("/")[2]
        raise BrokerError(f"the broker still lists {what} that it reported as removed", Kind.CONTENT)

    def _search(
        self,
        ask: Callable[[Request], Answer],
        path: str,
        query: str,
        is_own: Callable[[Listed], bool],
        *,
        removing: bool = False,
    ) -> Iterator[Listed]:
        """Yield the test's own of a list, page by page. With `removing` the caller removes each. Raises BrokerError."""
        offset, before = 0, list[Listed]()
        # a page that comes again: nothing was removed, or the broker ignores the offset
        while (page := self._page(ask, f"{path}?limit={PAGE}&offset={offset}{query}")) not in ([], before):
            ours = [each for each in page if is_own(each)]
            yield from ours
            if len(page) < PAGE and not removing:
                return
            offset, before = offset + len(page) - removing * len(ours), page

    def _page(self, ask: Callable[[Request], Answer], path: str) -> list[Listed]:
        asked = self._get(path)
        answer = ask(asked)
        try:
            if answer.status == 200:
                return answer.parsed(list[Listed])
        except WrongShapeError:
            pass
        raise BrokerError(f"the broker answered {asked} with {answer}", self.failure_of(answer).kind)

    def _delete(self, ask: Callable[[Request], Answer], path: str) -> None:
        asked = Request("DELETE", path, self._headers)
        answer = ask(asked)
        if answer.status not in (204, 404):  # 404: already removed
            raise BrokerError(f"the broker answered {asked} with {answer}", self.failure_of(answer).kind)
