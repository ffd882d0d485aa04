"""The phases of a run."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """A phase, with the name for people. scenario/__init__.py says what happens in each."""

    PREFLIGHT = "preflight"
    RESTART = "restart"
    RESET = "reset"
    SEED = "seed"
    BASELINE = "baseline"
    TRIGGER = "trigger"
    OBSERVE = "observe"
    LET_GO = "let go"
    REST = "rest"
    CLEANUP = "cleanup"
    SETTLE = "settle"
