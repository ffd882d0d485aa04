"""What an Orion reports of its notification queue, its semaphores and its subscription cache."""

from __future__ import annotations

from typing import ClassVar

from scenario.errors import BrokerError
from scenario.peers.answers import MOST_SECONDS, Answer, WrongShapeError
from scenario.peers.broker import Request
from scenario.peers.failures import Kind
from scenario.peers.ngsi import Ngsi
from scenario.peers.ngsiv2_answers import Block, CacheStatistics, Statistics
from scenario.peers.statistics import BrokerStatistics, Cache


class WithQueue(Ngsi):
    """One service of a broker that reports them."""

    has_queue: ClassVar[bool] = True

    def statistics(self) -> Request:
        return Request("GET", "/statistics")

    def statistics_of(self, answer: Answer) -> BrokerStatistics:
        """Return the blocks notifQueue and semWait: None and empty without their options. Raises BrokerError."""
        if answer.status != 200:
            raise BrokerError(str(answer), self.failure_of(answer).kind)
        try:
            statistics = answer.parsed(Statistics)
        except WrongShapeError as error:
            raise BrokerError(f"200 without statistics: {error}", Kind.CONTENT) from None
        queue, waited = statistics.notif_queue or Block(), statistics.sem_wait.items()
        return BrokerStatistics(
            queue.size,
            None if queue.entered is None or queue.left is None else max(0, queue.entered - queue.left),
            queue.entered,
            queue.sent_ok,
            queue.sent_error,
            queue.reject,
            {name: float(s) for name, s in waited if isinstance(s, int | float) and 0 <= s <= MOST_SECONDS},
        )

    def cache_statistics(self) -> Request:
        return Request("GET", "/cache/statistics")

    def cache(self, answer: Answer) -> Cache | None:
        """Return the subscription cache; None if the broker does not report it."""
        try:
            statistics = answer.parsed(CacheStatistics)
        except WrongShapeError:
            return None
        return Cache(statistics.refresh, statistics.items)

    def ask_cache(self) -> Cache | None:
        return self.cache(self._ask(self.cache_statistics()))

    def ask_backlog(self) -> int | None:
        return self.statistics_of(self._ask(self.statistics())).backlog
