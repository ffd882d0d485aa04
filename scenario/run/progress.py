"""What the run has achieved beside its rows: subscriptions created, the update, the idle clients, how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from scenario.run.records import IdleClients, Update


@dataclass
class Progress:
    """Filled by the recorder; the shape reads it to go on, the verdict to judge."""

    existing: int = 0  # subscriptions that were there before (--no-reset)
    left: int = 0  # subscriptions that were there after their database was dropped
    created: int = 0
    refused: int = 0
    refusal: str = ""
    update: Update | None = None
    idle: IdleClients | None = None
    interrupted: str = ""  # the phase in which somebody stopped the run
    failures: list[str] = field(default_factory=list)  # what makes the run a FAIL beside its rows
    missing: list[str] = field(default_factory=list)  # what makes it INCONCLUSIVE
