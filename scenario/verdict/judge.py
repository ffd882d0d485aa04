"""Who judges a run: by itself, as a ramp, or as cycles."""

from __future__ import annotations

from collections.abc import Sequence

from scenario.run.results import Rest, Step, Verdict
from scenario.verdict.cycles import judge_cycles
from scenario.verdict.held import Hold
from scenario.verdict.ramp import judge_ramp
from scenario.verdict.single import judge_hold


def judge(hold: Hold, steps: Sequence[Step], rest: Rest) -> Verdict:
    """Judge a run by its steps, its last hold and the broker at rest after it; a plain run has no steps."""
    if hold.options.ramp:
        return judge_ramp(hold, steps)
    if hold.options.cycles:
        return judge_cycles(hold, steps, rest)
    return judge_hold(hold)
