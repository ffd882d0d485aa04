"""The notification queues, their pools of workers, and their counters."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import gevent
from gevent.queue import Full, Queue

from rehearsal.notifications import Notification, Sender, Worker
from rehearsal.options import NotificationMode, PoolSize

OnAnswer = Callable[[bool], None]  # called with whether a notification was answered


class Senders(Protocol):
    """Takes the notifications that are to be sent."""

    def push(self, notification: Notification, on_answer: OnAnswer) -> None:
        """Send a notification later, and then call `on_answer`."""
        ...


class Transient:
    """A new worker for each notification. Without a thread for it, the notification is lost."""

    def __init__(self, new_worker: Callable[[], Worker]) -> None:
        self._new_worker = new_worker

    def push(self, notification: Notification, on_answer: OnAnswer) -> None:
        try:
            worker = self._new_worker()
        except RuntimeError:
            return
        gevent.spawn(self._work, worker, notification, on_answer)

    def _work(self, worker: Worker, notification: Notification, on_answer: OnAnswer) -> None:
        on_answer(worker.send(notification))
        worker.close()


@dataclass
class Counters:
    """The counters of notifQueue in /statistics, over all pools. Times in s."""

    accepted: int = 0
    taken: int = 0
    rejected: int = 0
    sent_ok: int = 0
    sent_error: int = 0
    waited: float = 0.0
    size: int = 0  # of the queue from which a worker took last, when it took

    def block(self) -> dict[str, int | float]:
        return {
            "in": self.accepted,
            "out": self.taken,
            "reject": self.rejected,
            "sentOk": self.sent_ok,
            "sentError": self.sent_error,
            "timeInQueue": round(self.waited, 9),
            "avgTimeInQueue": round(self.waited / self.taken, 9) if self.taken else 0,
            "size": self.size,
        }


class ThreadPool:
    """A queue of notifications, and the workers that send them."""

    def __init__(self, size: PoolSize, new_worker: Callable[[], Sender], counters: Counters) -> None:
        self._queue: Queue[tuple[float, Notification, OnAnswer]] = Queue(size.queue)
        self._counters = counters
        for _ in range(size.workers):
            gevent.spawn(self._work, new_worker())

    def __len__(self) -> int:
        return self._queue.qsize()

    def push(self, notification: Notification, on_answer: OnAnswer) -> None:
        """Queue a notification, or count it as rejected if the queue is full."""
        if self._queue.full():
            gevent.sleep(0)  # idle workers take first, as threads do
        try:
            self._queue.put_nowait((time.monotonic(), notification, on_answer))
        except Full:
            self._counters.rejected += 1
        else:
            self._counters.accepted += 1

    def _work(self, worker: Sender) -> None:
        counters = self._counters
        while True:
            since, notification, on_answer = self._queue.get()
            counters.taken += 1
            counters.size = len(self)
            counters.waited += time.monotonic() - since
            answered = worker.send(notification)
            counters.sent_ok += answered
            counters.sent_error += not answered
            on_answer(answered)


@dataclass
class ThreadPools:
    """A pool for each service that has its own, and one for all others."""

    usual: ThreadPool
    by_service: dict[str, ThreadPool]
    counters: Counters = field(default_factory=Counters)

    @classmethod
    def make(cls, mode: NotificationMode, new_worker: Callable[[], Sender]) -> ThreadPools:
        """Start all workers. Raises RuntimeError if a limit does not allow so many threads."""
        counters = Counters()
        own = {service: ThreadPool(size, new_worker, counters) for service, size in mode.services.items()}
        return cls(ThreadPool(mode.usual, new_worker, counters), own, counters)

    def push(self, notification: Notification, on_answer: OnAnswer) -> None:
        """Queue a notification in its service's pool."""
        self._of(notification.service).push(notification, on_answer)

    def _of(self, service: str) -> ThreadPool:
        return self.by_service.get(service, self.usual)


def make_senders(mode: NotificationMode, new_worker: Callable[[], Worker]) -> Senders:
    """Return the senders of a notification mode."""
    return Transient(new_worker) if mode.name == "transient" else ThreadPools.make(mode, new_worker)
