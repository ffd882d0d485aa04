"""The ordinary client's healthy subscribers: when the notifications of its updates arrived, as their listener tells."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gevent.lock import BoundedSemaphore

from scenario.peers.listeners import News, arrivals
from scenario.run.samples import HealthySample
from scenario.run.tries import percentile

LOOKS = 30  # of which the best comparison of the clocks counts: they hardly drift apart meanwhile
OVERTAKEN_AFTER = 2.0  # s after which what a later update has overtaken does not come any more
MOST_PAGES = 100  # of arrivals, in one look


@dataclass
class Sent:
    """An update: when it was sent (s since the epoch), whether the broker took it, which subscriptions it reached."""

    at: float
    taken: bool = False
    reached: set[int] = field(default_factory=set)


class Subscribers:
    """`count` of them at the listener `address`; `now` tells the time, in s since the epoch, on the run's clock."""

    def __init__(self, count: int, address: str, now: Callable[[], float]) -> None:
        self.count, self.address, self.now = count, address, now
        self.updates: dict[int, Sent] = {}  # by number; those that reached all were taken out
        self.doubled = self.lost = 0
        self.complete = -math.inf  # when the newest one of those was sent
        self.same_since: int | None = None  # s since the epoch: what was sent from then on, of no update of the client
        self._sent: set[int] = set()  # numbers of the client's updates
        self._same: list[float] = []  # latencies of those (ms)
        self._clocks: deque[tuple[float, float]] = deque(maxlen=LOOKS)  # half a round trip, how far theirs is ahead (s)
        self._position = ""
        self._came: list[tuple[int, ...]] = []  # and not told yet
        self._one_at_a_time = BoundedSemaphore()  # the next second's look may begin while the listener is slow

    def begin(self) -> None:
        """Leave out what arrived before now. Raises ListenerError."""
        self._position = self._ask().next

    def look(self, second: int) -> HealthySample:
        """Tell what arrived since the look before. Raises ListenerError."""
        with self._one_at_a_time:
            self._read()
        came, self._came = self._came, []
        error, ahead = min(self._clocks)
        now = self.now()
        self._sent.update(self.updates)
        self._note_same(came, ahead)
        latencies = sorted(latency for arrival in came if (latency := self._note(arrival, ahead)) is not None)
        waiting = self._missing(now)
        oldest = max(((now - sent.at) * 1000 for sent in waiting), default=None)
        measured = [value for value in (*latencies[-1:], oldest) if value is not None]
        return HealthySample(
            second,
            now,
            arrived=len(latencies),
            waiting=sum(self.count - len(sent.reached) for sent in waiting),
            lost=self.lost,
            doubled=self.doubled,
            p50=percentile(latencies, 0.5),
            p99=percentile(latencies, 0.99),
            slowest=max(measured, default=None),
            clock_error=error * 1000,
            latencies=tuple(round(latency, 2) for latency in latencies),
            same_arrived=None if self.same_since is None else len(self._same),
            same_slowest=max(self._same, default=None),
        )

    def _note_same(self, came: Sequence[Sequence[int]], ahead: float) -> None:
        """Note the notifications of the update that notifies the slow receivers, too."""
        for number, _, sent, latency in came:
            if self.same_since is not None and number not in self._sent and sent >= self.same_since * 1_000_000:
                self._same.append(max(0.0, latency / 1000 - ahead * 1000))

    def _read(self) -> None:
        for _ in range(MOST_PAGES):
            news = self._ask()
            self._position = news.next
            self._came += news.arrivals
            if not news.left:
                return

    def _ask(self) -> News:
        asked = self.now()
        news = arrivals(self.address, self._position)
        answered = self.now()
        self._clocks.append(((answered - asked) / 2, news.clock - (asked + answered) / 2))
        return news

    def _note(self, arrival: Sequence[int], ahead: float) -> float | None:
        """Return the latency in ms, on the run's clock; None of another's update, and of what had come before."""
        number, subscription, _, latency = arrival
        sent = self.updates.get(number)
        if sent is None or subscription in sent.reached:
            self.doubled += sent is not None
            return None
        sent.reached.add(subscription)
        return max(0.0, latency / 1000 - ahead * 1000)

    def _missing(self, now: float) -> list[Sent]:
        """Return the updates whose notifications are under way; those that others have overtaken are lost."""
        full = [sent for sent in self.updates.values() if len(sent.reached) >= self.count]
        self.complete = max([self.complete, *(sent.at for sent in full)])
        old = [number for number, sent in self.updates.items() if now - sent.at > 2 * OVERTAKEN_AFTER]
        self.updates = {n: sent for n, sent in self.updates.items() if n not in old or len(sent.reached) < self.count}
        missing = [sent for sent in self.updates.values() if sent.taken and len(sent.reached) < self.count]
        overtaken = [sent for sent in missing if sent.at + OVERTAKEN_AFTER < self.complete]
        self.lost = sum(self.count - len(sent.reached) for sent in overtaken)
        return [sent for sent in missing if sent not in overtaken]
