"""What a verdict can be, its exit code, and how reasons of several kinds come to one."""

from __future__ import annotations

from collections.abc import Sequence

from scenario.run.progress import Progress
from scenario.run.results import Verdict

PASS, FAIL, PREFLIGHT, INCONCLUSIVE = "PASS", "FAIL", "PREFLIGHT FAILED", "INCONCLUSIVE"
PREFLIGHT_OK = "PREFLIGHT OK"
EXIT_CODES = {PASS: 0, PREFLIGHT_OK: 0, FAIL: 1, PREFLIGHT: 3, INCONCLUSIVE: 4}


def verdict_of(reasons: Sequence[tuple[str, str]], interrupted: bool = False) -> Verdict:
    """Return the verdict of (outcome, text) reasons: the worst outcome, its texts first.

    Of an interrupted run what was seen to fail is listed, but it did not get the time that it asked for: INCONCLUSIVE.
    """
    kinds = {kind for kind, _ in reasons}
    outcome = INCONCLUSIVE if interrupted else next((kind for kind in (FAIL, INCONCLUSIVE) if kind in kinds), PASS)
    texts = [text for kind in (FAIL, INCONCLUSIVE, PASS) for kind_, text in reasons if kind_ == kind]
    return Verdict(outcome, tuple(texts), EXIT_CODES[outcome])


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
