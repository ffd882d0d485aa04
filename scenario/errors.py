"""The errors of this project, and what each leads to.

    StressTestError
      OptionError        an option is wrong                         exit code 2, or a sentence in the start form
      PreflightError     something is missing or too small          PREFLIGHT FAILED
      UnusableError      a file of an earlier run cannot be read    exit code 2 of compare and replay
      Failed             the broker failed                          FAIL
        BrokerError      it gave no answer, or a wrong one
      Lost               the run can no longer judge                INCONCLUSIVE
        ListenerError    a listener gave no answer, or a wrong one
        DatabaseError    the database did not do what was asked
        OutputError      a file of the run could not be written
        InspectionError  the connections cannot be counted          in a row: not measured, and why

The text of each is one sentence. Any other exception makes the run INCONCLUSIVE: the verdict has its name, the log its
traceback.
"""

from __future__ import annotations

from enum import Enum


class StressTestError(Exception):
    """Base of the project's errors: a sentence, and a scenario.peers.failures.Kind or None."""

    def __init__(self, text: str = "", kind: Enum | None = None) -> None:
        super().__init__(text)
        self.kind = kind


class OptionError(StressTestError):
    """An option is wrong: `--option: sentence`."""


class PreflightError(StressTestError):
    """A run cannot start: one sentence per line."""


class UnusableError(StressTestError):
    """A file does not belong to this test, or is empty. The sentence names it."""


class Failed(StressTestError):
    """The broker failed, and the run ends early."""


class BrokerError(Failed):
    """The broker gave no answer, or a wrong one."""


class Lost(StressTestError):
    """The run can no longer judge, and ends early."""


class ListenerError(Lost):
    """A listener gave no answer, or a wrong one."""


class DatabaseError(Lost):
    """The database did not do what was asked."""


class OutputError(Lost):
    """A file of the run could not be written."""


class InspectionError(Lost):
    """The broker's connections cannot be counted."""
