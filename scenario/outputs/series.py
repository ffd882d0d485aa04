"""The rows as figures, as the tab and the report take them: counts, ms for the latency. None: not measured.

A row travels as a list in the order of COLUMNS: a row of names and values would take five times the space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any, NamedTuple

from scenario.run.records import Row, Step

# key: what the table calls it
SERIES = {
    "established": "established (connections)",
    "close_wait": "close wait (connections)",
    "sum": "sum (connections)",
    "held": "held by the listener (notifications)",
    "backlog": "queue backlog (notifications)",
    "latency": "version latency (ms)",
}
COLUMNS = ("second", "error", *SERIES)


class Extent(NamedTuple):
    """A line of the table: a series' last value, least and most."""

    name: str
    now: float | None
    min: float | None
    max: float | None


def cells(row: Row, origin: int) -> list[Any]:
    """Return the row's figures in the order of COLUMNS; `error` is empty when /version was answered.

    `second` counts from `origin`, the run's first update (s since the epoch): a ramp and cycles have several.
    """
    version, queue, connections, listener = row.version, row.queue, row.connections, row.listener
    return [
        row.second - origin,
        version.error if version else "",
        row.established,
        connections and connections.close_wait,
        row.sum,
        listener and listener.held,
        queue and queue.backlog,
        version and version.latency and round(version.latency, 1),
    ]


STEP_COLUMNS = (
    "step",
    "subscriptions",
    "outcome",
    "held",
    "nok",
    "median",
    "slowest",
    "connections",
    "fds",
    "threads",
    "rss",
)


def step_cells(step: Step) -> list[Any]:
    """Return a step's figures in the order of STEP_COLUMNS: latencies in ms, the last four at rest before it."""
    return [
        *(step.number, step.subscriptions, step.verdict.outcome, step.held, step.nok),
        *(step.latency_median, step.latency_max, *astuple(step.rest)),
    ]


def table(rows: Sequence[list[Any]]) -> list[Extent]:
    """Return now, min and max of every series."""
    columns = list(zip(*rows, strict=True))[-len(SERIES) :] or [()] * len(SERIES)
    return [_extent(name, column) for name, column in zip(SERIES.values(), columns, strict=True)]


def _extent(name: str, values: Sequence[float | None]) -> Extent:
    measured = [value for value in values if value is not None]
    if not measured:
        return Extent(name, None, None, None)
    return Extent(name, values[-1], min(measured), max(measured))
