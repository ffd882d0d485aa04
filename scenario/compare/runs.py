"""Reads a run to compare: a recorded run or a `--json` file. The first characters tell which."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from scenario.errors import UnusableError
from scenario.outputs.json_result import FORMAT, Result, result
from scenario.replay import replay
from scenario.run.results import Row
from scenario.verdict.measures import LESS, MEASURES, Measure
from scenario.verdict.outcomes import PASS

RAMP = Measure("ramp_held", "connections", "the most held within SLO and limits", lambda _: None, LESS, 5)
COMPARED = (RAMP, *MEASURES)  # a ramp has the first, other runs have the rest
HELD = ("ramp_held", "listener_held", "held")  # figures of the load; a listener's count before the broker's
_BEGINS = 200  # characters


@dataclass(frozen=True)
class Run:
    """A run of a file: figures by name, the broker's version or "", and its rows (none from --json)."""

    path: str
    figures: Mapping[str, float | None]
    broker: str = ""
    rows: Sequence[Row] = ()

    @property
    def held(self) -> float | None:
        """The most connections held at one time, or None if not measured."""
        known = [self.figures.get(name) for name in HELD]
        return next((value for value in known if value is not None), None)


def read(path: str) -> Run:
    """Read a run. Raises UnusableError."""
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            begin = file.read(_BEGINS)
    except OSError as error:
        raise UnusableError(f"{path}: {error.strerror}") from None
    if not begin.startswith("{"):
        raise UnusableError(f"{path}: is no recorded run (_run.jsonl), nor a file of --json")
    if re.match(r'{\s*"at"\s*:', begin):
        history = replay(path)[1]
        return _of_result(path, result(history), history.rows)
    return _of_result(path, _decoded(path))


def _decoded(path: str) -> Result:
    try:
        document = msgspec.json.decode(Path(path).read_bytes(), type=Result)
    except (OSError, msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise UnusableError(f"{path}: is no result of --json: {error}") from None
    if document.format != FORMAT:
        raise UnusableError(f"{path}: has format {document.format}, and this version reads format {FORMAT}")
    return document


def _of_result(path: str, document: Result, seen: Sequence[Row] = ()) -> Run:
    if (document.options or {}).get("cycles"):
        raise UnusableError(f"{path}: has cycles, and only single runs and ramps can be compared")
    if (document.options or {}).get("ramp"):
        good = [step.subscriptions for step in document.steps if step.verdict == PASS]
        return Run(path, {RAMP.name: max(good, default=0)}, document.versions.broker)
    if not document.figures.get("version_rows"):
        raise UnusableError(f"{path}: no row since the update has a version: nothing to compare")
    return Run(path, document.figures, document.versions.broker, seen)
