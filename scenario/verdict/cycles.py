"""The cycles of a soak -> its verdict: what grows at rest from cycle to cycle is a leak.

A worker's first use is none: libcurl keeps a connection and a pair of descriptors with each. So the cycles in which
workers of the pool are used for the first time do not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from scenario.run.found import Found
from scenario.run.results import Criterion, Rest, Step, Verdict
from scenario.verdict.hold import Hold
from scenario.verdict.outcomes import FAIL, INCONCLUSIVE, PASS, endings, verdict_of
from scenario.verdict.thresholds import FEW_MORE, STEADY

MOSTLY = 0.8  # of the cycles: the RSS need not grow in every one
_FIGURES = (
    ("connections", "connections", 1, ""),
    ("descriptors", "fds", 1, ""),
    ("threads", "threads", 1, ""),
    ("RSS", "rss", 1_000_000, " MB"),
)


def judge_cycles(hold: Hold, steps: Sequence[Step], final: Rest) -> Verdict:
    """FAIL: a cycle failed, or a figure grew. INCONCLUSIVE: interrupted, or too few cycles to tell."""
    wanted = hold.options.cycles
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
    for name, field, unit, label in _FIGURES:
        values = [value for level in counted if (value := getattr(level, field)) is not None]
        if len(values) < len(counted):
            yield INCONCLUSIVE, f"the {name} at rest were not measured"
            continue
        text = f"{values[0] // unit} to {values[-1] // unit}{label} {name} at rest in {len(values) - 1} cycles"
        if _grows(values, field):
            each = (values[-1] - values[0]) / (len(values) - 1)
            yield FAIL, f"{text}, {each / unit:.1f}{label} in each"
        else:
            yield PASS, text


def _grows(values: Sequence[int], field: str) -> bool:
    rising = sum(after > before for before, after in pairwise(values))
    growth, most = values[-1] - values[0], len(values) - 1
    if field == "rss":
        return growth > STEADY * values[0] and rising >= MOSTLY * most
    return growth >= FEW_MORE and rising == most
