"""Counters of the samples: their growth, in all or per second. None if not measured."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from scenario.run.results import Row


def grown(samples: Sequence[object], counter: str) -> int | None:
    """Return how much a counter grew from the first sample to its highest value."""
    values = [value for sample in samples if (value := getattr(sample, counter)) is not None]
    return max(values) - values[0] if values else None


def per_second(rows: Sequence[Row], counter: str, seconds: Collection[int]) -> list[float]:
    """Return by how much a counter of the inspector grew per second in the rows of some seconds.

    Only rows that follow one with a count have such a rate.
    """
    samples = [(row.second, row.connections) for row in rows if row.connections]
    counts = [(second, s.at, getattr(s, counter)) for second, s in samples if getattr(s, counter) is not None]
    return [
        max(0.0, (now - before) / (at - earlier))
        for (_, earlier, before), (second, at, now) in pairwise(counts)
        if at > earlier and second in seconds
    ]


def either(*answers: bool | None) -> bool | None:
    """Whether one of them is true; None if none is, but one was not measured."""
    return True if any(answers) else None if None in answers else False


def above(value: float | None, least: float) -> bool | None:
    """Whether a figure is above another; None if it was not measured."""
    return None if value is None else value > least
