"""What every process knows about the current run."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from scenario.run.schedule import Clock
from scenario.settings.options import Options


@dataclass(frozen=True)
class Run:
    """One run: its options and its clock."""

    options: Options
    clock: Clock
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
