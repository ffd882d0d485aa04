"""A broker that tells of its notification queue and its subscription cache."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from scenario.peers.answers import Answer
from scenario.peers.broker import Broker, Request
from scenario.peers.statistics import Cache, NotificationQueue, SemWait


class WithQueue(Broker):
    """One service of it."""

    has_queue: ClassVar[bool] = True

    @abstractmethod
    def statistics(self) -> Request:
        """Ask for the notification queue and the semaphores."""

    @abstractmethod
    def queue(self, answer: Answer) -> NotificationQueue | None:
        """Return the queue; None when the broker does not tell of one. Raises BrokerError for another answer."""

    @abstractmethod
    def sem_wait(self, answer: Answer) -> SemWait:
        """Return how long requests waited for its semaphores, of the same answer."""

    @abstractmethod
    def cache_statistics(self) -> Request:
        """Ask for the subscription cache."""

    @abstractmethod
    def cache(self, answer: Answer) -> Cache | None:
        """Return the cache; None when the broker does not tell of it."""

    def ask_cache(self) -> Cache | None:
        return self.cache(self._ask(self.cache_statistics()))

    def ask_backlog(self) -> int | None:
        queue = self.queue(self._ask(self.statistics()))
        return queue.backlog if queue else None
