"""The rows of a connections CSV, read back. An empty cell is None: not measured, never 0."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from scenario.errors import UnusableError
from scenario.outputs.columns import ANSWERS, COLUMNS, TRIES_COLUMNS, names
from scenario.peers.statistics import SUB_CACHE
from scenario.run.found import Found
from scenario.run.progress import Progress
from scenario.run.results import Row
from scenario.run.samples import (
    ClientSample,
    ConnectionSample,
    DatabaseSample,
    HealthySample,
    ListenerSample,
    QueueSample,
    VersionSample,
)
from scenario.settings.options import Options
from scenario.verdict.evidence import evidence_of
from scenario.verdict.hold import Hold
from scenario.verdict.measures import measured

_NAMES = names(COLUMNS)
_TEXTS = {column.name for column in COLUMNS if not column.unit} - {"step"}


def figures(rows: Sequence[Row]) -> dict[str, float | None]:
    """Return what the rows come to. Where `to_listeners` is empty, idle clients count as held."""
    untold: dict[str, Any] = {option.name: 0 for option in fields(Options) if option.default is MISSING}
    options = Options(**{**untold, "connection_info": True})
    return measured(evidence_of(Hold(options, Progress(), None, rows, Found(options))))


def read(path: str) -> list[Row]:
    """Read a run's connections CSV. Raises UnusableError."""
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:  # a spreadsheet may have put its mark before it
            lines = csv.reader(file, strict=True)
            header = next(lines, [])
            if header == [*_NAMES, *names(TRIES_COLUMNS)]:
                raise UnusableError(f"{path}: is of a run with --rate: its _run.jsonl or --json file can be compared")
            if header != _NAMES:
                raise UnusableError(f"{path}: no connections CSV: it does not begin with {','.join(_NAMES[:3])},...")
            rows = [_row(cells, f"{path}: line {lines.line_num}") for cells in lines]
    except OSError as error:
        raise UnusableError(f"{path}: {error.strerror}") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise UnusableError(f"{path}: no connections CSV: {error}") from None
    if len({row.step for row in rows}) > 1:
        raise UnusableError(
            f"{path}: has several steps (a ramp, or cycles): of a ramp its _run.jsonl or --json file can be compared"
        )
    for before, row in pairwise(rows):
        if row.second <= before.second:
            raise UnusableError(f"{path}: second {row.second} comes after second {before.second}: more than one run?")
    if not rows or rows[-1].second < 0:
        raise UnusableError(f"{path}: no row since the update{'' if rows else ', nor any other'}: nothing to compare")
    if not any(row.version for row in rows if row.second >= 0):
        raise UnusableError(f"{path}: no row since the update has a version: nothing to compare")
    return rows


def _row(cells: list[str], where: str) -> Row:
    if len(cells) != len(_NAMES):
        raise UnusableError(f"{where} has {len(cells)} cells instead of {len(_NAMES)}")
    told = dict(zip(_NAMES, cells, strict=True))
    for name in ANSWERS:
        if told[name] not in ("OK", "NOK", ""):
            raise UnusableError(f"{where}: {name} is OK, NOK or empty, not {told[name]!r}")
    numbers = {name: _number(text, f"{where}: {name}") for name, text in told.items() if name not in _TEXTS}
    second = numbers["second"]
    if second is None or second != int(second):
        raise UnusableError(f"{where}: second is a whole number, not {told['second']!r}")
    return _made(int(second), told, numbers)


def _made(second: int, told: Mapping[str, str], numbers: Mapping[str, Any]) -> Row:
    """Return the row; its second counts from the update."""

    def error(name: str) -> str:
        return (told[f"{name}_error"] or "NOK") if told[name] == "NOK" else ""

    def named(*columns: str, **others: str) -> dict[str, Any]:
        return {**{name: numbers[name] for name in columns}, **{name: numbers[of] for name, of in others.items()}}

    process = named(
        "established", "close_wait", "to_listeners", fds="broker_fds", threads="broker_threads", rss="broker_rss_bytes"
    )
    queue = named("sent_ok", "sent_error", "rejected", size="queue_size", backlog="queue_backlog")
    waited_for_cache = numbers["sem_wait_sub_cache_seconds"]
    queue["sem_wait"] = {} if waited_for_cache is None else {SUB_CACHE: waited_for_cache}
    asked = (numbers["update_latency_ms"], error("update"), numbers["query_latency_ms"], error("query"))
    waited = named(lost="healthy_lost", p50="healthy_p50_ms", p99="healthy_p99_ms", slowest="healthy_max_ms")
    return Row(
        second,
        second,
        told["phase"],
        VersionSample(second, second, numbers["version_latency_ms"], error("version")) if told["version"] else None,
        QueueSample(second, second, **queue),
        ConnectionSample(second, second, **process),
        ListenerSample(second, second, numbers["listener_held"]),
        ClientSample(second, second, *asked) if told["update"] or told["query"] else None,
        HealthySample(second, second, **waited),
        step=int(numbers["step"] or 1),
        database=DatabaseSample(second, second, numbers["database_latency_ms"], error("database"))
        if told["database"]
        else None,
    )


def _number(text: str, where: str) -> float | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UnusableError(f"{where} is a number or empty, not {text!r}")
    return number
