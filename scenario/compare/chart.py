"""The comparison as one HTML page, to be mailed: the table, and both runs over the seconds since the update."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from markupsafe import Markup

from scenario.compare.judgement import HEADER, Judgement
from scenario.compare.rows import RunFile
from scenario.outputs import report

_LEAST = 0.1  # ms: the CSV's precision; a logarithmic axis has no place for 0
_LONG = 50  # characters of a name that the legend has room for; the page's head has them all


def page(a: RunFile, b: RunFile, judgement: Judgement, tolerance: str) -> str:
    """Return the page. What came from the files is escaped: by the template in the text, by the script in the chart."""
    names = (_name("A", a, b), _name("B", b, a))
    data = [{"name": name, "points": list(_points(run))} for name, run in zip(names, (a, b), strict=True)]
    return report.template("comparison.html").render(
        runs={"A": a, "B": b},
        judgement=judgement,
        header=HEADER,
        tolerance=tolerance,
        css=report.inline("connections.css"),
        plotly=Markup(report.PLOTLY_JS.read_text(encoding="utf-8")),
        scripts=report.inline("chart.js") + report.inline("comparison.js"),
        data=Markup(json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")),
    )


def _name(letter: str, run: RunFile, other: RunFile) -> str:
    names = Path(run.path).name, Path(other.path).name
    name = run.path if names[0] == names[1] else names[0]
    return f"{letter}  {name if len(name) <= _LONG else '…' + name[-_LONG:]}"


def _points(run: RunFile) -> Iterator[list[float | str | None]]:
    """Yield second, established, close wait, latency when OK, latency when NOK, error; a gap where rows are missing."""
    last = run.rows[0].second
    for row in run.rows:
        if row.second > last + 1:
            yield [last + 1, None, None, None, None, ""]
        last = row.second
        latency = row.numbers["version_latency_ms"]
        ok = None if latency is None else max(latency, _LEAST)
        pair = (None, ok or _LEAST) if row.version == "NOK" else (ok, None)
        yield [row.second, row.numbers["established"], row.numbers["close_wait"], *pair, row.error]
