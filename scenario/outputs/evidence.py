"""`<--csv prefix>_evidence.txt`: what was seen at the first NOK. A run without one has no such file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scenario.outputs.files import write
from scenario.run import events
from scenario.run.records import Accepted, Evidence


class EvidenceFile:
    """Writes the file; a new run removes that of the run before."""

    def __init__(self, prefix: str) -> None:
        self.path = Path(f"{prefix}_evidence.txt")
        events.on(Accepted, self._remove)
        events.on(Evidence, self._write)

    def _remove(self, _accepted: Accepted, **_: Any) -> None:
        self.path.unlink(missing_ok=True)

    def _write(self, evidence: Evidence, **_: Any) -> None:
        write(self.path, evidence.text)
