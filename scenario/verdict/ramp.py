"""The steps of a ramp -> its verdict: the largest number held within the SLO, and the cause beyond it."""

from __future__ import annotations

from collections.abc import Sequence

from scenario.run.results import Step, Verdict
from scenario.verdict.held import Hold
from scenario.verdict.outcomes import EXIT_CODES, FAIL, INCONCLUSIVE, PASS, endings

KEPT = 0.05  # of the descriptors at rest before the first step: more of them afterwards is worth a word


def judge_ramp(hold: Hold, steps: Sequence[Step]) -> Verdict:
    """PASS: `stop` was held. FAIL: it broke before. INCONCLUSIVE: interrupted, or a step could not be judged."""
    stop = hold.options.subscriptions
    good = max((step.subscriptions for step in steps if step.verdict.outcome == PASS), default=0)
    failed = [step for step in steps if step.verdict.outcome == FAIL]
    unknown = [step for step in steps[-1:] if step.verdict.outcome == INCONCLUSIVE]  # those before were tried again
    bad = min(failed, key=lambda step: step.subscriptions, default=None)
    reasons = [f"ramp: {_held(good)}{_up_to(good, stop, bad)}"]
    if bad:
        reasons += [f"{bad.subscriptions}: {bad.verdict.reasons[0]}", *_kept(steps[0], bad)]
    reasons += [f"{step.subscriptions} could not be judged: {step.verdict.reasons[0]}" for step in unknown]
    reasons += [text for _, text in endings(hold.progress) if not any(text in reason for reason in reasons)]
    cut_short = hold.progress.interrupted or hold.progress.missing
    outcome = INCONCLUSIVE if unknown or cut_short else PASS if good == stop else FAIL
    worst = bad or (unknown[0] if unknown else None)
    return Verdict(outcome, tuple(reasons), EXIT_CODES[outcome], worst.verdict.causes if worst else ())


def _held(good: int) -> str:
    return f"{good} connections held within the SLO" if good else "no step was held within the SLO"


def _up_to(good: int, stop: int, bad: Step | None) -> str:
    if bad:
        return f", {bad.subscriptions} not"
    return ", as many as were asked for" if good == stop else f" so far, of {stop}"


def _kept(first: Step, bad: Step) -> list[str]:
    """Say that the broker was no longer fresh: libcurl keeps descriptors with each worker that was ever used."""
    before, now = first.rest.fds, bad.rest.fds
    if before is None or now is None or now - before <= KEPT * before:
        return []
    return [
        f"{bad.subscriptions}: the broker kept {now - before} descriptors of the steps before it; "
        "with --restart-command each step has a fresh broker"
    ]
