"""How many notification connections the broker held, against its level at rest; and what each cost it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from scenario.run.found import Found
from scenario.run.progress import Progress
from scenario.run.results import Row
from scenario.run.schedule import Schedule
from scenario.settings.options import Options

HELD_SHARE = 0.99  # of the subscriptions: as good as all


@dataclass(frozen=True)
class Hold:
    """The connections held once, as far as it came. `schedule` is None before its baseline: then there are no rows."""

    options: Options
    progress: Progress
    schedule: Schedule | None
    rows: Sequence[Row]
    found: Found


def held_per_row(hold: Hold) -> list[tuple[int, int]]:
    """Return (held connections, seconds since the trigger) of the rows after it.

    Held is established now - established at rest - idle clients; with --no-connection-info it is the listener's count.
    """
    after = [row for row in hold.rows if row.since_trigger >= 0]
    if not hold.options.connection_info:
        return [
            (row.listener.held, row.since_trigger)
            for row in after
            if row.listener is not None and row.listener.held is not None
        ]
    rest = rest_level(hold.rows)
    if rest is None:
        return []
    idle = hold.progress.idle
    return [
        (count.established - rest - (idle.accepted if idle and idle.hold_at(count.at) else 0), row.since_trigger)
        for row in after
        if (count := row.connections) and count.established is not None
    ]


def rest_level(rows: Sequence[Row]) -> int | None:
    """Return the broker's established connections before the trigger (median); None when nobody counted."""
    counts = [row.established for row in rows if row.since_trigger < 0 and row.established is not None]
    return round(median(counts)) if counts else None


def fds_per_notification(rows: Sequence[Row]) -> float | None:
    """Return the file descriptors that a held connection costs the broker; None while nobody can tell."""
    counted = [
        (row.established, row.connections.fds)
        for row in rows
        if row.connections and row.established is not None and row.connections.fds is not None
    ]
    if not counted:
        return None
    (rest, fds_at_rest), (most, fds_then) = counted[0], max(counted)
    return (fds_then - fds_at_rest) / (most - rest) if most > rest else None
