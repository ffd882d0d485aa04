"""How many notifications the broker held unanswered, and what each cost.

An open connection is no proof: a receiver, or a proxy in its stead, may have answered long ago and kept it open. So the
connections above the level at rest are bounded by what the broker's own counters say is unanswered, or where it does
not tell, by what the listeners hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from math import ceil
from operator import attrgetter, itemgetter
from statistics import median

from scenario.run.results import Row
from scenario.run.samples import QueueSample
from scenario.verdict.evidence.counters import grown
from scenario.verdict.hold import Hold
from scenario.verdict.thresholds import HELD_SHARE, UNDER_WAY

_Count = Callable[[Row], int | None]


@dataclass(frozen=True)
class Held:
    """Notifications held, row by row."""

    hold: Hold

    @cached_property
    def per_row(self) -> list[tuple[int, int]]:
        """(held, seconds since the update) of the rows after it; empty if not measured."""
        return [(now if most is None else min(now, most), second) for now, most, second in self._counts]

    @cached_property
    def _counts(self) -> list[tuple[int, int | None, int]]:
        """Connections above rest, those unanswered (None: unknown), seconds since the update."""
        count = self._count
        rest = at_rest(self.hold, count)
        if rest is None:
            return []
        after = [(count(row), row) for row in self.hold.loaded]
        return [
            (now - rest, self._unanswered(row, now - rest), row.since_trigger) for now, row in after if now is not None
        ]

    @cached_property
    def most(self) -> int | None:
        """The most at one time; None if not measured."""
        return max((held for held, _ in self.per_row), default=None)

    @property
    def number(self) -> int:
        """The same for a sentence: 0 if not measured."""
        return max(self.most or 0, 0)

    @cached_property
    def connections(self) -> dict[int, int]:
        """Connections above rest, whether answered or not, by second since the update."""
        return {second: now for now, _, second in self._counts}

    @cached_property
    def counted_elsewhere(self) -> bool:
        """Whether listeners held more than the connections to their known address: they have others, or a proxy."""
        seen, arrived = _known(self.hold.rows, _to_listeners), _known(self.hold.rows, _at_listeners)
        return HELD_SHARE * max(arrived, default=0) > max(seen, default=0)

    @property
    def proved(self) -> bool:
        """Whether the broker or the listeners confirm that the connections were unanswered."""
        return any(bound is not None and min(now, bound) == self.most for now, bound, _ in self._counts)

    @property
    def fell_short(self) -> bool | None:
        """Whether too few were held at one time."""
        return None if self.most is None else self.most < HELD_SHARE * self.hold.options.load.notifications

    @cached_property
    def full(self) -> set[int]:
        """The seconds since the update in which nearly the most were held."""
        return {second for held, second in self.per_row if held >= HELD_SHARE * (self.most or 0)}

    def _unanswered(self, row: Row, connections: int) -> int | None:
        """Return the notifications without an answer yet; None: unknown.

        Counters that have seen fewer notifications than there are connections are not those of this load.
        """
        entered, unanswered = self.by_counters(row)
        if unanswered is not None and entered >= connections:
            return unanswered
        return None if self._listeners_full else _at_listeners(row)

    def by_counters(self, row: Row) -> tuple[int, int | None]:
        """Return how many entered the broker's queue, and how many of them a worker holds unanswered; None: unknown."""
        if row.queue is None or row.queue.entered is None:
            return 0, None
        samples = [*self._queue, row.queue]
        entered, waiting = _since(samples, "entered"), (row.queue.backlog or 0) - (samples[0].backlog or 0)
        return entered, max(0, entered - _since(samples, "sent_ok") - _since(samples, "sent_error") - waiting)

    @cached_property
    def _queue(self) -> list[QueueSample]:
        """The first sample of the queue, from which its counters are measured."""
        return [row.queue for row in self.hold.rows if row.queue and row.queue.entered is not None][:1]

    @cached_property
    def _listeners_full(self) -> bool:
        """Whether listeners were out of descriptors: what they did not take waits in the kernel, and is held, too."""
        return bool(grown([row.listener for row in self.hold.rows if row.listener], "out_of_descriptors"))

    @property
    def _count(self) -> _Count:
        """What counts the connections.

        It is what leads to the listeners. Where that is not seen, because a proxy is in between or they have other
        addresses, it is all that is established but the idle clients; with --no-connection-info it is what the
        listeners hold. Where the listeners say that nothing arrived, there is no proxy, and nothing held.
        """
        if not self.hold.options.probes.connection_info:
            return _at_listeners
        seen, arrived = _known(self.hold.rows, _to_listeners), _known(self.hold.rows, _at_listeners)
        nothing_arrived = bool(arrived) and not any(arrived)
        if self.counted_elsewhere or (not any(seen) and not (seen and nothing_arrived)):
            return partial(established, self.hold)
        return partial(_to_slow_ones, self.hold) if self.hold.options.probes.rate > 1 else _to_listeners


def _since(samples: Sequence[QueueSample], counter: str) -> int:
    """Return how much a counter grew from the first sample to the last."""
    first, last = (getattr(sample, counter) or 0 for sample in (samples[0], samples[-1])) if samples else (0, 0)
    return int(max(0, last - first))


def _known(rows: Sequence[Row], count: _Count) -> list[int]:
    return [number for row in rows if (number := count(row)) is not None]


def _to_listeners(row: Row) -> int | None:
    return row.connections.to_listeners if row.connections else None


def _to_slow_ones(hold: Hold, row: Row) -> int | None:
    """Return the same less the healthy subscribers', of which with --rate some are under way whenever it is counted.

    They are what goes beyond that which the listeners hold, unless it is too much for that.
    """
    count, held = _to_listeners(row), _at_listeners(row)
    if count is None or held is None:
        return count
    most = hold.options.probes.healthy * ceil(hold.options.probes.rate * UNDER_WAY)
    return held if held < count <= held + most else count


def _at_listeners(row: Row) -> int | None:
    return row.listener.held if row.listener else None


def established(hold: Hold, row: Row) -> int | None:
    """Return the broker's established connections without the idle clients'; None if not measured."""
    idle, count = hold.progress.idle, row.connections
    if count is None or count.established is None:
        return None
    return count.established - (idle.accepted if idle and idle.hold_at(count.at) else 0)


def at_rest(hold: Hold, count: _Count) -> int | None:
    """Return the median of a count in the rows before the update; None if not measured."""
    counts = _known(hold.at_rest, count)
    return round(median(counts)) if counts else None


def per_notification(rows: Sequence[Row], wanted: int, figure: str = "fds") -> float | None:
    """Return how much of a figure of the broker's process, its descriptors say, a held connection costs; None: unknown.

    It is read in the first row with the most of them, before idle clients add theirs. A tenth of those wanted tells
    nothing: the figure and the connections are not counted at one moment, and the others are on their way.
    """
    count = _to_listeners if any(_to_listeners(row) for row in rows) else attrgetter("established")
    counted = [
        (held, value)
        for row in rows
        if (value := getattr(row.connections, figure, None)) is not None and (held := count(row)) is not None
    ]
    if not counted:
        return None
    (rest, before), (most, then) = counted[0], max(counted, key=itemgetter(0))
    return (then - before) / (most - rest) if most - rest > wanted / 10 else None
