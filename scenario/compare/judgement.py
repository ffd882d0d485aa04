"""Judges runs figure by figure, each by the median of those before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from scenario.compare.runs import COMPARED, HELD, Run
from scenario.verdict.measures import MORE, Measure

NOT_WORSE, WORSE, CANNOT_TELL = 0, 1, 4  # exit codes; 2: cannot be used
_NONE = "\N{EN DASH}"


def letters(count: int) -> list[str]:
    """Return the names of the runs: A and B, or numbers from 1 if there are more than two."""
    return ["A", "B"] if count == 2 else [str(number) for number in range(1, count + 1)]


@dataclass(frozen=True)
class Line:
    """A figure of all runs. `tolerance` is a share, 0.1 for 10 %."""

    measure: Measure
    values: Sequence[float | None]
    tolerance: float

    @property
    def missing(self) -> list[str]:
        """The runs that have not measured it."""
        names = letters(len(self.values))
        return [name for name, value in zip(names, self.values, strict=True) if value is None]

    @property
    def judged(self) -> bool:
        """Whether the figure has a bad side, and at least two runs have measured it."""
        return bool(self.measure.worse) and len(self.values) - len(self.missing) > 1

    def before(self, run: int) -> float | None:
        """Return the median of the runs before this one, or None if none of them has measured it."""
        known = [value for value in self.values[:run] if value is not None]
        return median(known) if known else None

    def allowed(self, run: int) -> float:
        """Return by how much a run may differ to the bad side, in the figure's unit."""
        return max(abs(self.before(run) or 0) * self.tolerance, self.measure.floor)

    @property
    def worse_at(self) -> int | None:
        """The number, from 0, of the first run that is worse than is allowed, or None."""
        return next((run for run in range(1, len(self.values)) if self._worse(run)), None)

    def _worse(self, run: int) -> bool:
        value, before = self.values[run], self.before(run)
        if not self.measure.worse or value is None or before is None:
            return False
        off = value - before if self.measure.worse == MORE else before - value
        return off > self.allowed(run) + 1e-9

    @property
    def cells(self) -> tuple[str, ...]:
        """The line as text, in the order of `header`."""
        names, at = letters(len(self.values)), self.worse_at
        values = [_NONE if value is None else f"{value:,.{self._digits}f}" for value in self.values]
        missing = f"not measured in {'both' if len(self.missing) == 2 == len(names) else ', '.join(self.missing)}"
        if len(names) == 2:
            mark = "worse" if at else missing if self.missing else ""
            return (self.measure.title, *values, self._change(), self._allowance(), mark)
        mark = f"{names[at]} is worse than {self.before(at):,.{self._digits}f}" if at else ""
        return (self.measure.title, *values, mark)

    @property
    def _digits(self) -> int:
        known = [value for value in self.values if value is not None]
        return 0 if all(value == int(value) for value in known) else 1 if max(map(abs, known)) >= 10 else 2

    def _change(self) -> str:
        a, b = self.values
        if a is None or b is None:
            return _NONE
        share = 100 * (b - a) / abs(a) if a else 0
        percent = f" ({share:+,.{0 if abs(share) >= 1 else 1}f} %)" if share else ""
        return f"{b - a:+z,.{self._digits}f}{percent}" if b != a else "0"

    def _allowance(self) -> str:
        sign = "+" if self.measure.worse == MORE else "-"
        return f"{sign}{self.allowed(1):,.{max(1, self._digits)}f}" if self.judged else _NONE


@dataclass(frozen=True)
class Judgement:
    """The result of a comparison: its lines, the exit code, and sentences that say why."""

    lines: Sequence[Line]
    exit_code: int
    sentences: Sequence[str]

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the lines' cells."""
        names = letters(len(self.lines[0].values))
        return ("", *names, *(["change", "allowed"] if len(names) == 2 else []), "")


def judge(runs: Sequence[Run], tolerance: float) -> Judgement:
    """Judge each run by those before it; `tolerance` is a share. A figure that no run has measured is left out."""
    made = [Line(measure, [run.figures.get(measure.name) for run in runs], tolerance) for measure in COMPARED]
    lines = [line for line in made if len(line.missing) < len(runs)]
    exit_code, sentences = _outcome(lines, runs)
    return Judgement(lines, exit_code, [*sentences, *_not_judged(lines)])


def _outcome(lines: Sequence[Line], runs: Sequence[Run]) -> tuple[int, list[str]]:
    names, judged = letters(len(runs)), sum(line.judged for line in lines)
    if runs[0].held is not None and runs[0].held <= 0:
        return CANNOT_TELL, [f"cannot tell: {names[0]} held no notification, so the others cannot be measured by it"]
    worse = [
        (run, [line.measure.name for line in lines if line.worse_at == run])
        for run in sorted({line.worse_at for line in lines if line.worse_at})
    ]
    if worse:
        than = "A" if len(runs) == 2 else "the median of those before it"
        return WORSE, [
            f"{names[run]} is worse than {than} in {len(which)} of {judged} figures judged: {', '.join(which)}"
            for run, which in worse
        ]
    if not any(line.judged and not line.missing for line in lines if line.measure.name in HELD):
        return CANNOT_TELL, ["cannot tell: what they held was not measured in all of them, so they need not be alike"]
    none = "B is not worse than A" if len(runs) == 2 else "none is worse than those before it"
    return NOT_WORSE, [f"{none}: {judged} figures judged, none off by more than is allowed"]


def _not_judged(lines: Sequence[Line]) -> Iterator[str]:
    missing = [
        f"{line.measure.name} ({', '.join(line.missing)})" for line in lines if line.measure.worse and line.missing
    ]
    if missing:
        yield f"not judged where it was not measured: {', '.join(missing)}"


def table(judgement: Judgement) -> Iterator[str]:
    """Yield the lines of the table: names to the left, numbers to the right."""
    yield from _aligned([judgement.header, *(line.cells for line in judgement.lines)])


def floors() -> Iterator[str]:
    """Yield what makes a run worse in each figure, for --help."""
    judged = [(each.title, each.worse, f"{each.floor:g}", "") for each in COMPARED if each.worse]
    yield from _aligned([("figure", "worse if", "floor", ""), *judged])


def _aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others[:-1], widths[1:-1], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells, others[-1]]).rstrip()
