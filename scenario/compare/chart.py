"""The comparison as one HTML page to mail: the table, and a chart.

The chart shows two recorded runs over the seconds since the update, otherwise each figure by run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scenario.compare.judgement import Judgement, letters
from scenario.compare.runs import Run
from scenario.outputs.page import page

_LEAST = 0.1  # ms: the CSV's precision; a logarithmic axis has no place for 0
_LONG = 50  # characters of a name that the legend has room for; the page's head has them all


def render(runs: Sequence[Run], judgement: Judgement, tolerance: str) -> str:
    """Return the page. `tolerance` is a text for people."""
    by_second = len(runs) == 2 and all(run.rows for run in runs)
    data = _by_second(runs) if by_second else _by_run(runs, judgement)
    return page(
        "comparison.html",
        data,
        runs=dict(zip(letters(len(runs)), runs, strict=True)),
        judgement=judgement,
        tolerance=tolerance,
        draw="drawComparison" if by_second else "drawTrend",
    )


def _by_second(runs: Sequence[Run]) -> list[dict[str, Any]]:
    a, b = runs
    return [
        {"name": _name("A", a, b), "points": list(_points(a))},
        {"name": _name("B", b, a), "points": list(_points(b))},
    ]


def _by_run(runs: Sequence[Run], judgement: Judgement) -> dict[str, Any]:
    """Return the judged figures by run; `worse` is the number of the first run that is worse, from 0, or None."""
    names = [f"{letter} {run.broker}".strip() for letter, run in zip(letters(len(runs)), runs, strict=True)]
    judged = [line for line in judgement.lines if line.judged]
    lines = [{"title": each.measure.title, "values": each.values, "worse": each.worse_at} for each in judged]
    return {"runs": names, "lines": lines}


def _name(letter: str, run: Run, other: Run) -> str:
    names = Path(run.path).name, Path(other.path).name
    name = run.path if names[0] == names[1] else names[0]
    return f"{letter}  {name if len(name) <= _LONG else '…' + name[-_LONG:]}"


def _points(run: Run) -> Iterator[list[float | str | None]]:
    """Yield second, established, close wait, latency when OK, latency when NOK, error; a gap where rows are missing."""
    last = run.rows[0].since_trigger
    for row in run.rows:
        if row.since_trigger > last + 1:
            yield [last + 1, None, None, None, None, ""]
        last = row.since_trigger
        latency = row.version.latency if row.version else None
        ok = None if latency is None else max(latency, _LEAST)
        error = row.version.error if row.version else ""
        pair = (None, ok or _LEAST) if error else (ok, None)
        yield [last, row.established, row.connections.close_wait if row.connections else None, *pair, error]
