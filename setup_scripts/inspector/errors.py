"""Errors of the inspector."""

from __future__ import annotations

# Kinds of failure: values of scenario.peers.failures.Kind
NO_PROCESS, NOT_ALLOWED = "no process", "not allowed"
KILLED_FOR_MEMORY, KILLED_ON_HOST = "killed for memory", "killed on host"


class InspectionFailed(Exception):
    """Why there are no counts: one sentence, and a kind or ""."""

    def __init__(self, reason: str, kind: str = "") -> None:
        super().__init__(reason)
        self.kind = kind
