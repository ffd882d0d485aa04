"""The verdict of cycles: what grows at rest from cycle to cycle is a leak.

A worker's first use is none: each keeps a connection and a pair of descriptors. So the cycles in which
workers of the pool are used for the first time do not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from scenario.run.found import Found
from scenario.run.results import Criterion, Rest, Step, Verdict
from scenario.settings.options import Options
from scenario.verdict.growth import LEAKS, SETTLING, Growth
from scenario.verdict.hold import Hold
from scenario.verdict.outcomes import FAIL, INCONCLUSIVE, PASS, endings, verdict_of
from scenario.verdict.thresholds import FEW_MORE, LEAK

_FIGURES = (("connections", "connections"), ("descriptors", "fds"), ("threads", "threads"))
_MB = 1e6


def judge_cycles(hold: Hold, steps: Sequence[Step], final: Rest) -> Verdict:
    """FAIL: a cycle failed, or a figure grew. INCONCLUSIVE: interrupted, too few cycles to tell, or still settling."""
    wanted = hold.options.load.cycles
    passed = sum(step.verdict.outcome == PASS for step in steps)
    bad = next((step for step in steps[-1:] if step.verdict.outcome != PASS), None)  # those before were tried again
    criteria = [Criterion("cycles", PASS if passed == wanted else INCONCLUSIVE, f"{passed} of {wanted} passed")]
    if bad:
        criteria.append(Criterion(f"cycle {bad.number}", bad.verdict.outcome, bad.verdict.reasons[0]))
    if passed == wanted:
        levels = [step.rest for step in steps if step.verdict.outcome == PASS]
        criteria += [Criterion("growth", outcome, text) for outcome, text in _growth([*levels, final], hold.found)]
    criteria += endings(hold.progress, criteria)
    verdict = verdict_of(criteria, interrupted=bool(hold.progress.interrupted))
    return replace(verdict, causes=bad.verdict.causes if bad else ())


def _growth(levels: Sequence[Rest], found: Found) -> Iterator[tuple[str, str]]:
    if len(levels) - 1 < found.cycles_to_tell:
        yield INCONCLUSIVE, f"takes at least {found.cycles_to_tell} cycles to tell (workers are used in turn)"
        return
    counted = levels[found.first_uses :]
    for name, field in (*_FIGURES, ("RSS", "rss")):
        values = [value for level in counted if (value := getattr(level, field)) is not None]
        if len(values) < len(counted):
            yield INCONCLUSIVE, f"the {name} at rest were not measured"
        elif field == "rss":
            yield _memory(Growth(values, _notifications(found.options)), found)
        else:
            yield _count(name, values)


def _count(name: str, values: Sequence[int]) -> tuple[str, str]:
    cycles, growth = len(values) - 1, values[-1] - values[0]
    text = f"{values[0]} to {values[-1]} {name} at rest in {cycles} cycles"
    if growth >= FEW_MORE and all(after > before for before, after in pairwise(values)):
        return FAIL, f"{text}, {growth / cycles:.1f} in each"
    return PASS, text


def _memory(growth: Growth, found: Found) -> tuple[str, str]:
    first, last = growth.levels[0] / _MB, growth.levels[-1] / _MB
    text = f"{first:.0f} to {last:.0f} MB RSS at rest in {growth.cycles} cycles"
    if growth.state == LEAKS:
        slope = growth.halves[1].slope
        each = f"{slope / growth.each:.0f} bytes per notification"
        return FAIL, f"{text}, as of late {slope / _MB:.2f} MB in each ({each})"
    if growth.state == SETTLING:
        return INCONCLUSIVE, f"{text}, still settling: {growth.more_cycles} more cycles would tell"
    seen = f"a leak of less than {growth.least_seen} bytes per notification would not have been seen"
    if growth.least_seen > LEAK:
        seen += f", one of {LEAK} takes {growth.cycles_for_leak + found.first_uses} cycles"
    return PASS, f"{text}; {seen}"


def _notifications(options: Options) -> int:
    """Return the number of notifications per cycle, including those to healthy subscribers."""
    seconds = options.load.baseline + options.load.hold
    return options.load.notifications + options.probes.healthy * options.probes.rate * seconds
