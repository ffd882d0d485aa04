"""What every process knows of the run under way."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from scenario.run.schedule import Clock
from scenario.settings.options import Options


@dataclass(frozen=True)
class Run:
    """One run: its options, and the clock that stamps it."""

    options: Options
    clock: Clock
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
