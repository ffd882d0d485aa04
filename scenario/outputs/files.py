"""Files of a run. Each starts under another name and is then renamed, so an empty file never replaces an earlier one.

What cannot be written (a full disk, say) raises OutputError, once per file; a run goes on without it.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, TextIO

from scenario.errors import OutputError
from scenario.run import events
from scenario.run.records import Accepted, Evidence
from scenario.settings.replacing import begin


def write(path: str | Path, text: str) -> None:
    """Write a whole file. On OutputError an earlier file is still there."""
    _begun(Path(path), text).close()


class LineFile:
    """A file that grows line by line. Its lines survive kill -9. Its methods raise OutputError, but only once."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file: TextIO | None = None

    def begin(self, text: str) -> None:
        """Replace an earlier file by a new one that starts with `text`."""
        self.close()
        self._file = _begun(self.path, text)

    def write(self, text: str) -> None:
        """Append whole lines. Does nothing before `begin` and after an error."""
        if self._file is not None:
            try:
                self._file.write(text)
                self._file.flush()
            except OSError as error:
                self.close()
                raise _not_written(self.path, error) from None

    def flush(self) -> None:
        """Do nothing, because `write` already flushes."""

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):  # flushing its buffer fails after an error
                file.close()


def _begun(path: Path, text: str) -> TextIO:
    try:
        return begin(path, text)
    except OSError as error:
        raise _not_written(path, error) from None


def _not_written(path: Path, error: OSError) -> OutputError:
    return OutputError(f"files: {path} could not be written: {error.strerror or error}")


class EvidenceFile:
    """`<--csv prefix>_evidence.txt`: evidence from the first NOK. A new run removes the earlier file."""

    def __init__(self, prefix: str) -> None:
        self.path = Path(f"{prefix}_evidence.txt")
        events.on(Accepted, self._remove)
        events.on(Evidence, self._write)

    def _remove(self, _accepted: Accepted, **_: Any) -> None:
        self.path.unlink(missing_ok=True)

    def _write(self, evidence: Evidence, **_: Any) -> None:
        write(self.path, evidence.text)
