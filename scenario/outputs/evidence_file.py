"""`<--csv prefix>_evidence.txt`: what was seen at the first NOK. A run without one has no such file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scenario.run import events


class EvidenceFile:
    """Writes the file; a new run removes that of the run before."""

    def __init__(self, prefix: str) -> None:
        self.path = Path(f"{prefix}_evidence.txt")
        events.run_started.add_listener(self._remove)
        events.evidence_taken.add_listener(self._write)

    def _remove(self, **_: Any) -> None:
        self.path.unlink(missing_ok=True)

    def _write(self, text: str, **_: Any) -> None:
        self.path.write_text(text, encoding="utf-8")
