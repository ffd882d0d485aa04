"""The outcomes of a verdict, their exit codes, and how criteria lead to an outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scenario.peers.failures import OUTSIDE
from scenario.run.progress import Progress
from scenario.run.results import Criterion, Verdict

PASS, FAIL, PREFLIGHT, INCONCLUSIVE = "PASS", "FAIL", "PREFLIGHT FAILED", "INCONCLUSIVE"
PREFLIGHT_OK = "PREFLIGHT OK"
EXIT_CODES = {PASS: 0, PREFLIGHT_OK: 0, FAIL: 1, PREFLIGHT: 3, INCONCLUSIVE: 4}


def verdict_of(criteria: Sequence[Criterion], interrupted: bool = False) -> Verdict:
    """Return the verdict of criteria: the worst outcome, with its criteria first.

    An interrupted run is INCONCLUSIVE, because it was shorter than requested. Failures are listed.
    """
    kinds = {each.outcome for each in criteria}
    outcome = INCONCLUSIVE if interrupted else next((kind for kind in (FAIL, INCONCLUSIVE) if kind in kinds), PASS)
    return concluded(
        outcome, [each for kind in (FAIL, INCONCLUSIVE, PASS) for each in criteria if each.outcome == kind]
    )


def concluded(outcome: str, criteria: Sequence[Criterion]) -> Verdict:
    """Return a verdict whose reasons are those of the criteria, in their order."""
    return Verdict(outcome, tuple(map(str, criteria)), EXIT_CODES[outcome], criteria=tuple(criteria))


def troubled(verdict: Verdict, troubles: Sequence[str]) -> Verdict:
    """Return the verdict after a problem outside the broker: it is listed, and the verdict is not PASS."""
    added = tuple(Criterion("", INCONCLUSIVE, text) for text in troubles if text not in verdict.reasons)
    passed = verdict.outcome == PASS and added
    criteria = (*added, *verdict.criteria) if passed else (*verdict.criteria, *added)
    new = concluded(INCONCLUSIVE if passed else verdict.outcome, criteria)
    return replace(new, causes=verdict.causes, figures=verdict.figures)


def endings(progress: Progress, earlier: Sequence[Criterion] = ()) -> list[Criterion]:
    """Return why a run ended early, if earlier criteria do not say it."""
    interrupted = [f"interrupted in phase {progress.interrupted}"] if progress.interrupted else []
    texts = [(INCONCLUSIVE, text) for text in (*interrupted, *progress.missing)]
    outside = {text for text, kind in progress.kinds.items() if kind in OUTSIDE}
    texts += [(INCONCLUSIVE if text in outside else FAIL, text) for text in progress.failures]
    return [Criterion("", kind, text) for kind, text in texts if not any(text in each.text for each in earlier)]
