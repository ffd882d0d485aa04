"""Figures and counters of the samples: the most, and the growth, in all or per second. None if not measured."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import TypeVar

from scenario.run.results import Row

_Number = TypeVar("_Number", int, float)


def most(figures: Iterable[_Number | None]) -> _Number | None:
    """Return the highest of the figures that were measured."""
    return max((figure for figure in figures if figure is not None), default=None)


def grown(samples: Sequence[object], counter: str) -> int | None:
    """Return how much a counter grew from the first sample to its highest value."""
    values = [value for sample in samples if (value := getattr(sample, counter)) is not None]
    return max(values) - values[0] if values else None


def per_second(rows: Sequence[Row], counter: str, seconds: Collection[int], sample: str = "connections") -> list[float]:
    """Return by how much a counter grew per second in the rows of some seconds.

    Only rows that follow one with a count have such a rate.
    """
    samples = [(row.second, found) for row in rows if (found := getattr(row, sample))]
    counts = [(second, s.at, getattr(s, counter)) for second, s in samples if getattr(s, counter) is not None]
    return [
        max(0.0, (now - before) / (at - earlier))
        for (_, earlier, before), (second, at, now) in pairwise(counts)
        if at > earlier and second in seconds
    ]


def usual(rates: Sequence[float]) -> float | None:
    """Return their median."""
    return median(rates) if rates else None


def either(*answers: bool | None) -> bool | None:
    """Whether one of them is true; None if none is, but one was not measured."""
    return True if any(answers) else None if None in answers else False


def above(value: float | None, least: float) -> bool | None:
    """Whether a figure is above another; None if it was not measured."""
    return None if value is None else value > least
