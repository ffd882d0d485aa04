"""What a run comes to, in figures that two runs can be compared by. None: not measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from scenario.compare.rows import RunFile
from scenario.verdict.held import HELD_SHARE

_Value = Callable[[RunFile], float | None]


@dataclass(frozen=True)
class Figure:
    """A line of the comparison. `name` tells the unit that the value and the `floor` are in.

    `worse` is "more" or "less"; empty: shown, not judged. `detail` is shown beside the value, in brackets.
    """

    name: str
    worse: str
    floor: float
    value: _Value
    digits: int = 0
    detail: _Value | None = None


def held_by_listeners(run: RunFile) -> float | None:
    """Return the most notifications that the listeners held at one time."""
    return _most(run, "listener_held")


def held(run: RunFile) -> float | None:
    """Return the most connections that the broker had established at one time, above its level at rest."""
    return _growth(run, "established")


def _nok(run: RunFile) -> int:
    return sum(row.version == "NOK" for row in run.probed)


def _latency(run: RunFile, of: Callable[[list[float]], float]) -> float | None:
    cells = [row.numbers["version_latency_ms"] for row in run.probed if row.version == "OK"]
    measured = [value for value in cells if value is not None]
    return of(measured) if measured else None


def _p95(values: list[float]) -> float:
    """Return the value that 95 % do not exceed (nearest rank)."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def _most(run: RunFile, column: str) -> float | None:
    return max((value for _, value in run.since_update(column)), default=None)


def _growth(run: RunFile, column: str, unit: float = 1) -> float | None:
    """Return the most since the update, less the level at rest."""
    most, rest = _most(run, column), run.at_rest(column)
    return None if most is None or rest is None else (most - rest) / unit


def _each(run: RunFile, value: float | None) -> float | None:
    """Return a figure per held connection: a broker that holds more may use more."""
    count = held(run)
    return value / count if value is not None and count is not None and count > 0 else None


def _most_of(column: str) -> _Value:
    return lambda run: _most(run, column)


def _fds(run: RunFile) -> float | None:
    return _each(run, _growth(run, "broker_fds"))


def _threads(run: RunFile) -> float | None:
    return _each(run, _most(run, "broker_threads"))


def _rss(run: RunFile, unit: float = 1e6) -> float | None:
    return _growth(run, "broker_rss_bytes", unit)


def _last(run: RunFile, column: str) -> float | None:
    values = run.since_update(column)
    return values[-1][1] if values else None


def _counted(run: RunFile, column: str) -> float | None:
    """Return what a counter grew by since the update was sent; a broker that starts again counts from 0."""
    after = [value for _, value in run.since_update(column)]
    before = [value for row in run.rows if row.second < 0 and (value := row.numbers[column]) is not None]
    if not after:
        return None
    values = [*before[-1:], *after]
    return sum(now - last if now >= last else now for last, now in pairwise(values))


def _held_since(run: RunFile) -> float | None:
    """Return the first second with 99 % of the most held: by the listeners' count, which has no idle clients."""
    for column in ("listener_held", "established"):
        most, rest = _growth(run, column), run.at_rest(column)
        if most is not None and rest is not None and most > 0:
            return next(second for second, value in run.since_update(column) if value - rest >= HELD_SHARE * most)
    return None


def _empty_since(run: RunFile) -> float | None:
    """Return the second from which on nothing waited in the queue; inf: something did to the end."""
    waiting = run.since_update("queue_backlog")
    if not waiting:
        return None
    last = max((number for number, (_, backlog) in enumerate(waiting) if backlog > 0), default=-1)
    return waiting[last + 1][0] if last + 1 < len(waiting) else math.inf


# What tells that a run was under load.
HELD = (
    Figure("held: most established above rest (connections)", "less", 5, held),
    Figure("held: most by the listeners (notifications)", "less", 5, held_by_listeners),
)
# The floors are above what runs of one and the same broker differed by, on two busy cores.
FIGURES = (
    Figure("version: rows measured (s)", "less", 2, lambda run: len(run.probed)),
    Figure("version: NOK (% of rows) [rows]", "more", 0, lambda run: 100 * _nok(run) / len(run.probed), 1, _nok),
    Figure("version: median latency of OK rows (ms)", "more", 20, lambda run: _latency(run, median), 1),
    Figure("version: p95 latency (ms)", "more", 50, lambda run: _latency(run, _p95), 1),
    Figure("version: max latency (ms)", "more", 100, lambda run: _latency(run, max), 1),
    *HELD,
    Figure("held: 99 % of the most since second", "more", 2, _held_since),
    Figure("queue: empty since second [most waiting]", "more", 2, _empty_since, 0, _most_of("queue_backlog")),
    Figure("notifications: sent_error", "more", 5, lambda run: _counted(run, "sent_error")),
    Figure("notifications: rejected", "more", 5, lambda run: _counted(run, "rejected")),
    Figure("fds per held connection [most]", "more", 0.2, _fds, 2, _most_of("broker_fds")),
    Figure("threads per held connection [most]", "more", 0.1, _threads, 2, _most_of("broker_threads")),
    Figure("RSS growth per held connection (kB) [MB]", "more", 10, lambda run: _each(run, _rss(run, 1e3)), 1, _rss),
    Figure("CLOSE_WAIT at the end [most]", "", 0, lambda run: _last(run, "close_wait"), 0, _most_of("close_wait")),
)
