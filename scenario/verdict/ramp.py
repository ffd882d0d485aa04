"""The steps of a ramp -> its verdict: the largest number held within the SLO, and the cause beyond it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scenario.run.results import Criterion, Step, Verdict
from scenario.verdict.held import Hold
from scenario.verdict.outcomes import FAIL, INCONCLUSIVE, PASS, concluded, endings

KEPT = 0.05  # of the descriptors at rest before the first step: more of them afterwards is worth a word


def judge_ramp(hold: Hold, steps: Sequence[Step]) -> Verdict:
    """PASS: `stop` was held. FAIL: it broke before. INCONCLUSIVE: interrupted, or a step could not be judged."""
    stop = hold.options.subscriptions
    good = max((step.subscriptions for step in steps if step.verdict.outcome == PASS), default=0)
    failed = [step for step in steps if step.verdict.outcome == FAIL]
    unknown = [step for step in steps[-1:] if step.verdict.outcome == INCONCLUSIVE]  # those before were tried again
    bad = min(failed, key=lambda step: step.subscriptions, default=None)
    cut_short = hold.progress.interrupted or hold.progress.missing
    outcome = INCONCLUSIVE if unknown or cut_short else PASS if good == stop else FAIL
    reasons = [(outcome, f"ramp: {_held(good)}{_up_to(good, stop, bad)}")]
    if bad:
        reasons += [(FAIL, f"{bad.subscriptions}: {bad.verdict.reasons[0]}"), *_kept(steps[0], bad)]
    reasons += [(INCONCLUSIVE, f"{s.subscriptions} could not be judged: {s.verdict.reasons[0]}") for s in unknown]
    told = [text for _, text in reasons]
    reasons += [(kind, text) for kind, text in endings(hold.progress) if not any(text in each for each in told)]
    worst = bad or (unknown[0] if unknown else None)
    verdict = concluded(outcome, [Criterion(kind, text) for kind, text in reasons])
    return replace(verdict, causes=worst.verdict.causes if worst else ())


def _held(good: int) -> str:
    return f"{good} connections held within the SLO" if good else "no step was held within the SLO"


def _up_to(good: int, stop: int, bad: Step | None) -> str:
    if bad:
        return f", {bad.subscriptions} not"
    return ", as many as were asked for" if good == stop else f" so far, of {stop}"


def _kept(first: Step, bad: Step) -> list[tuple[str, str]]:
    """Say that the broker was no longer fresh: libcurl keeps descriptors with each worker that was ever used."""
    before, now = first.rest.fds, bad.rest.fds
    if before is None or now is None or now - before <= KEPT * before:
        return []
    kept = f"the broker kept {now - before} descriptors of the steps before it"
    return [(PASS, f"{bad.subscriptions}: {kept}; with --restart-command each step has a fresh broker")]
