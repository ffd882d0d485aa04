"""How many notification connections the broker held, against its level at rest; and what each cost it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from operator import attrgetter, itemgetter
from statistics import median

from scenario.run.found import Found
from scenario.run.progress import Progress
from scenario.run.results import Row
from scenario.run.schedule import Schedule
from scenario.settings.options import Options

_Count = Callable[[Row], int | None]
HELD_SHARE = 0.99  # of the subscriptions: as good as all
UNDER_WAY = 0.1  # s that healthy notifications take at most while their broker is not late with them


@dataclass(frozen=True)
class Hold:
    """The connections held once, as far as it came. `schedule` is None before its baseline: then there are no rows."""

    options: Options
    progress: Progress
    schedule: Schedule | None
    rows: Sequence[Row]
    found: Found


def held_per_row(hold: Hold) -> list[tuple[int, int]]:
    """Return (held connections, seconds since the trigger) of the rows after it: a count, less what it was at rest.

    Counted is what leads to the listeners. Where nobody sees that, for a proxy is in between, it is all that is
    established but the idle clients; with --no-connection-info it is what the listeners hold. Where the listeners say
    that nothing arrived there is no proxy, and nothing held.
    """
    count = _counter(hold)
    rest = at_rest(hold.rows, count)
    if rest is None:
        return []
    after = [(count(row), row.since_trigger) for row in hold.rows if row.since_trigger >= 0]
    return [(now - rest, second) for now, second in after if now is not None]


def _counter(hold: Hold) -> _Count:
    if not hold.options.connection_info:
        return _at_listeners
    seen, arrived = _known(hold.rows, _to_listeners), _known(hold.rows, _at_listeners)
    nothing_arrived = bool(arrived) and not any(arrived)
    if not any(seen) and not (seen and nothing_arrived):
        return partial(established, hold)
    return partial(_to_slow_ones, hold) if hold.options.rate > 1 else _to_listeners


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
    most = hold.options.healthy * ceil(hold.options.rate * UNDER_WAY)
    return held if held < count <= held + most else count


def _at_listeners(row: Row) -> int | None:
    return row.listener.held if row.listener else None


def established(hold: Hold, row: Row) -> int | None:
    """Return the broker's established connections but the idle clients'; None when nobody counted."""
    idle, count = hold.progress.idle, row.connections
    if count is None or count.established is None:
        return None
    return count.established - (idle.accepted if idle and idle.hold_at(count.at) else 0)


def at_rest(rows: Sequence[Row], count: _Count) -> int | None:
    """Return the median of a count in the rows before the trigger; None when nobody counted."""
    counts = _known([row for row in rows if row.since_trigger < 0], count)
    return round(median(counts)) if counts else None


def fds_per_notification(rows: Sequence[Row], wanted: int) -> float | None:
    """Return the file descriptors that a held connection costs the broker; None while nobody can tell.

    They are counted in the first row with the most of them, before idle clients add theirs. Of a tenth of those wanted
    nobody can tell: descriptors and connections are not counted at one moment, and the others are on their way.
    """
    count = _to_listeners if any(_to_listeners(row) for row in rows) else attrgetter("established")
    counted = [
        (held, row.connections.fds)
        for row in rows
        if row.connections and row.connections.fds is not None and (held := count(row)) is not None
    ]
    if not counted:
        return None
    (rest, fds_at_rest), (most, fds_then) = counted[0], max(counted, key=itemgetter(0))
    return (fds_then - fds_at_rest) / (most - rest) if most - rest > wanted / 10 else None
