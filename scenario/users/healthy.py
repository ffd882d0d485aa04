"""The healthy subscribers: when the notifications of the client's updates arrived at their listener."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gevent.lock import BoundedSemaphore

from scenario.peers.listeners import News, arrivals
from scenario.run.samples import HealthySample
from scenario.run.tries import percentile

LOOKS = 30  # the best clock comparison of so many counts; the clocks hardly drift meanwhile
OVERTAKEN_AFTER = 2.0  # s after which a notification is lost if a later one has arrived
MOST_PAGES = 100  # pages of arrivals per look


@dataclass
class Sent:
    """An update: time of sending (s since the epoch), whether the broker accepted it, the subscriptions it reached."""

    at: float
    taken: bool = False
    reached: set[int] = field(default_factory=set)


class Subscribers:
    """`count` subscribers at the listener `address`. `now` returns the run's clock in s since the epoch."""

    def __init__(self, count: int, address: str, now: Callable[[], float]) -> None:
        self.count, self.address, self.now = count, address, now
        self.updates: dict[int, Sent] = {}  # by number, without those that reached all
        self.doubled = self.lost = 0
        self.complete = -math.inf  # time of the newest update that reached all
        self.same_since: int | None = None  # s since the epoch: what was sent from then on, of no update of the client
        self._numbers: set[int] = set()  # of the client's own updates
        self._same: list[float] = []  # latencies of those of no update of the client (ms)
        self._clocks: deque[tuple[float, float]] = deque(maxlen=LOOKS)  # half a round trip, how far theirs is ahead (s)
        self._position = ""
        self._came: list[tuple[int, ...]] = []  # arrived and not reported yet
        self._one_at_a_time = BoundedSemaphore()  # the next look may begin while the listener is slow

    def begin(self) -> None:
        """Ignore everything that arrived before now. Raises ListenerError."""
        self._position = self._ask().next

    def note_update(self, number: int, sent: Sent) -> None:
        """Record an update of the client before it is sent."""
        self.updates[number] = sent
        self._numbers.add(number)

    def look(self, second: int) -> HealthySample:
        """Return what arrived since the previous look. Raises ListenerError."""
        with self._one_at_a_time:
            self._read()
        came, self._came = self._came, []
        error, ahead = min(self._clocks)
        now = self.now()
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
        """Record notifications of the update that also notifies the slow receivers."""
        for number, _, sent, latency in came:
            if self.same_since is not None and number not in self._numbers and sent >= self.same_since * 1_000_000:
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
        """Return the latency in ms on the run's clock; None for updates of others, or repeated notifications."""
        number, subscription, _, latency = arrival
        sent = self.updates.get(number)
        if sent is None or subscription in sent.reached:
            self.doubled += sent is not None
            return None
        sent.reached.add(subscription)
        return max(0.0, latency / 1000 - ahead * 1000)

    def _missing(self, now: float) -> list[Sent]:
        """Return the updates with notifications under way. Count the lost ones, and forget the updates that are done.

        Each is looked at once: those that are never done stay, one for each update of the run.
        """
        full = [sent.at for sent in self.updates.values() if len(sent.reached) >= self.count]
        self.complete = max([self.complete, *full])
        self.updates = {
            number: sent
            for number, sent in self.updates.items()
            if now - sent.at <= 2 * OVERTAKEN_AFTER or len(sent.reached) < self.count
        }
        missing = [sent for sent in self.updates.values() if sent.taken and len(sent.reached) < self.count]
        newest = self.complete - OVERTAKEN_AFTER  # what was sent before that is lost
        self.lost = sum(self.count - len(sent.reached) for sent in missing if sent.at < newest)
        return [sent for sent in missing if sent.at >= newest]
