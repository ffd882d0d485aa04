"""The last row in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats).

What was not measured is left out: a missing figure is never 0. Units are Prometheus' own: seconds and bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scenario.outputs.columns import COLUMNS, Column
from scenario.outputs.history import History
from scenario.run.results import Row

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_LEFT_OUT = ("second", "step", "sum")  # to be had from the others


def exposition(history: History) -> str:
    """Return the text of the page."""
    labels = {"state": history.state, "phase": history.phase, "host": history.host}
    lines = [
        *_gauge("run_info", "State, phase and broker of this run.", 1, labels),
        *_gauge("rows", "Rows of this run so far.", len(history.rows)),
        *_gauge("rows_nok", "Rows of this run whose GET /version failed.", history.nok),
    ]
    for row in history.rows[-1:]:
        for column in COLUMNS:
            lines += _of(column, column.value(row))
    return "".join(f"{line}\n" for line in lines)


def _of(column: Column[Row], value: Any) -> Iterator[str]:
    if value in ("OK", "NOK"):
        yield from _gauge(f"{column.name}_ok", f"1: OK, 0: NOK: {column.meaning}", value == "OK")
    elif column.unit == "ms":
        seconds = None if value is None else value / 1000
        yield from _gauge(f"{column.name.removesuffix('_ms')}_seconds", f"s: {column.meaning}", seconds)
    elif column.unit and column.name not in _LEFT_OUT:
        yield from _gauge(column.name, f"{column.unit}: {column.meaning}", value)


def _gauge(name: str, meaning: str, value: float | None, labels: dict[str, str] | None = None) -> Iterator[str]:
    if value is None:
        return
    name = f"connections_{name}"
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} gauge"
    pairs = ",".join(f'{label}="{_escape(text)}"' for label, text in (labels or {}).items())
    yield f"{name}{{{pairs}}} {float(value)!r}" if pairs else f"{name} {float(value)!r}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
