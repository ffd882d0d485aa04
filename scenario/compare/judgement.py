"""Run A against run B, figure by figure, and what it comes to."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scenario.compare.measures import FIGURES, HELD, Figure, held, held_by_listeners
from scenario.compare.rows import RunFile

NOT_WORSE, WORSE, CANNOT_TELL = 0, 1, 4  # exit codes; 2: cannot be used
HEADER = ("", "A", "B", "change", "allowed", "")
_NONE = "\N{EN DASH}"


@dataclass(frozen=True)
class Line:
    """A figure of both runs; each with its detail. `allowed` is how far B may be off to the bad side, in its unit."""

    figure: Figure
    a: float | None
    b: float | None
    details: tuple[float | None, float | None]
    allowed: float

    @property
    def missing(self) -> str:
        """Which run has not measured it: A, B or both; empty: neither."""
        if self.a is None:
            return "both" if self.b is None else "A"
        return "B" if self.b is None else ""

    @property
    def judged(self) -> bool:
        """Tell whether the figure counts."""
        return bool(self.figure.worse) and not self.missing

    @property
    def worse(self) -> bool:
        """Tell whether B is worse beyond what is allowed."""
        if not self.figure.worse or self.a is None or self.b is None:
            return False
        off = self.b - self.a if self.figure.worse == "more" else self.a - self.b
        return off > self.allowed + 1e-9  # never and never: nan, which is above nothing

    @property
    def short(self) -> str:
        """The figure's name without units."""
        return re.split(r" [(\[]", self.figure.name)[0]

    @property
    def cells(self) -> tuple[str, ...]:
        """The line as text, in the order of HEADER."""
        mark = "worse" if self.worse else f"not measured in {self.missing}" if self.missing else ""
        values = (self._value(*pair) for pair in zip((self.a, self.b), self.details, strict=True))
        return (self.figure.name, *values, self._change(), self._allowance(), mark)

    def _value(self, value: float | None, detail: float | None) -> str:
        text = _NONE if value is None else "never" if math.isinf(value) else f"{value:,.{self.figure.digits}f}"
        return text if detail is None else f"{text} [{detail:,.0f}]"

    def _change(self) -> str:
        if self.a is None or self.b is None or not math.isfinite(self.b - self.a):
            return _NONE
        change = self.b - self.a
        if not change:
            return "0"
        share = 100 * change / abs(self.a) if self.a else 0
        beside = f" ({share:+,.{0 if abs(share) >= 1 else 1}f} %)" if share else ""
        return f"{change:+z,.{self.figure.digits}f}{beside}"

    def _allowance(self) -> str:
        if not self.judged or math.isinf(self.allowed):
            return _NONE
        return f"{'+' if self.figure.worse == 'more' else '-'}{self.allowed:,.{max(1, self.figure.digits)}f}"


@dataclass(frozen=True)
class Judgement:
    """What the comparison comes to: the exit code, and the sentences that say why, the first for all."""

    lines: Sequence[Line]
    exit_code: int
    sentences: Sequence[str]


def judge(a: RunFile, b: RunFile, tolerance: float) -> Judgement:
    """Judge B by A; `tolerance` is a share, 0.1 for 10 %."""
    lines = [_line(figure, a, b, tolerance) for figure in FIGURES]
    exit_code, sentence = _outcome(lines, a)
    return Judgement(lines, exit_code, [sentence, *_not_judged(lines)])


def _line(figure: Figure, a: RunFile, b: RunFile, tolerance: float) -> Line:
    value = figure.value(a)
    details = (figure.detail(a), figure.detail(b)) if figure.detail else (None, None)
    return Line(figure, value, figure.value(b), details, max(abs(value or 0) * tolerance, figure.floor))


def _outcome(lines: Sequence[Line], a: RunFile) -> tuple[int, str]:
    judged, worse = [line for line in lines if line.judged], [line.short for line in lines if line.worse]
    load = next((load for load in (held_by_listeners(a), held(a)) if load is not None), None)
    if load is not None and load <= 0:
        return CANNOT_TELL, "cannot tell: A held no notification, so B cannot be measured by it"
    if worse:
        return WORSE, f"B is worse than A in {len(worse)} of {len(judged)} figures judged: {', '.join(worse)}"
    if not any(line.judged for line in lines if line.figure in HELD):
        return CANNOT_TELL, "cannot tell: what they held was not measured in both runs, so they need not be alike"
    return NOT_WORSE, f"B is not worse than A: {len(judged)} figures judged, none off by more than is allowed"


def _not_judged(lines: Sequence[Line]) -> Iterator[str]:
    missing = [f"{line.short} ({line.missing})" for line in lines if line.figure.worse and line.missing]
    if missing:
        yield f"not judged, for it was not measured (in A, B or both): {', '.join(missing)}"


def table(judgement: Judgement) -> Iterator[str]:
    """Yield the lines: the figures' names to the left, what is counted to the right."""
    yield from _aligned([HEADER, *(line.cells for line in judgement.lines)])


def floors() -> Iterator[str]:
    """Yield what makes B worse in each figure, for --help."""
    rows = [
        (figure.name, figure.worse or "not judged", f"{figure.floor:g}" if figure.worse else "") for figure in FIGURES
    ]
    yield from _aligned([("figure [detail]", "worse if", "floor"), *rows])


def _aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [
            first.ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(others[:4], widths[1:], strict=False)),
        ]
        yield "  ".join([*cells, *others[4:]]).rstrip()
