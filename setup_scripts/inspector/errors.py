"""What keeps the inspector from counting."""

from __future__ import annotations

# Kinds of failure: values of scenario.peers.failures.Kind
NO_PROCESS, NOT_ALLOWED = "no process", "not allowed"
KILLED_FOR_MEMORY, KILLED_ON_HOST = "killed for memory", "killed on host"


class InspectionFailed(Exception):
    """Why there are no counts, as one sentence and, where there is one, as a kind."""

    def __init__(self, reason: str, kind: str = "") -> None:
        super().__init__(reason)
        self.kind = kind
