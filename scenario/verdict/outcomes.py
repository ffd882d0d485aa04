"""What a verdict can be, its exit code, and how reasons of several kinds come to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scenario.run.progress import Progress
from scenario.run.results import Criterion, Verdict

PASS, FAIL, PREFLIGHT, INCONCLUSIVE = "PASS", "FAIL", "PREFLIGHT FAILED", "INCONCLUSIVE"
PREFLIGHT_OK = "PREFLIGHT OK"
EXIT_CODES = {PASS: 0, PREFLIGHT_OK: 0, FAIL: 1, PREFLIGHT: 3, INCONCLUSIVE: 4}


def verdict_of(reasons: Sequence[tuple[str, str]], interrupted: bool = False) -> Verdict:
    """Return the verdict of (outcome, text) reasons: the worst outcome, its texts first.

    Of an interrupted run what was seen to fail is listed, but it did not get the time that it asked for: INCONCLUSIVE.
    """
    kinds = {kind for kind, _ in reasons}
    outcome = INCONCLUSIVE if interrupted else next((kind for kind in (FAIL, INCONCLUSIVE) if kind in kinds), PASS)
    criteria = [Criterion(kind, text) for kind in (FAIL, INCONCLUSIVE, PASS) for of, text in reasons if of == kind]
    return concluded(outcome, criteria)


def concluded(outcome: str, criteria: Sequence[Criterion]) -> Verdict:
    """Return the verdict whose reasons are those of the criteria, in their order."""
    return Verdict(outcome, tuple(each.text for each in criteria), EXIT_CODES[outcome], criteria=tuple(criteria))


def troubled(verdict: Verdict, troubles: Sequence[str]) -> Verdict:
    """Return the verdict after trouble beside the broker: it is told, and the verdict is not green."""
    told = tuple(Criterion(INCONCLUSIVE, text) for text in troubles if text not in verdict.reasons)
    passed = verdict.outcome == PASS and told
    criteria = (*told, *verdict.criteria) if passed else (*verdict.criteria, *told)
    new = concluded(INCONCLUSIVE if passed else verdict.outcome, criteria)
    return replace(new, causes=verdict.causes, figures=verdict.figures)


def endings(progress: Progress) -> list[tuple[str, str]]:
    """Return the (outcome, text) reasons for which a run ended early."""
    return [
        *((INCONCLUSIVE, text) for text in interruption(progress)),
        *((FAIL, text) for text in progress.failures),
        *((INCONCLUSIVE, text) for text in progress.missing),
    ]


def interruption(progress: Progress) -> list[str]:
    """Say in which phase somebody stopped the run; nothing when nobody did."""
    return [f"interrupted in phase {progress.interrupted}"] if progress.interrupted else []
