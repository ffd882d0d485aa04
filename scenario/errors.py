"""What can go wrong, and what becomes of it.

    StressTestError
      OptionError        an option is wrong                         exit code 2, or a sentence in the start form
      PreflightError     something is missing or too small          PREFLIGHT FAILED
      UnusableError      a file of an earlier run cannot be read    exit code 2 of compare and replay
      Failed             the broker failed                          FAIL
        BrokerError      it did not answer, or not rightly
      Lost               the run can no longer judge                INCONCLUSIVE
        ListenerError    a listener did not answer, or not rightly
        DatabaseError    the database did not do what it was asked
        OutputError      a file of the run could not be written
        InspectionError  nobody counts the broker's connections     in a row: not measured, and why

Each text is one sentence. Whatever else is raised is unforeseen: INCONCLUSIVE, with its name in the verdict and its
traceback in the log.
"""

from __future__ import annotations

from enum import Enum


class StressTestError(Exception):
    """What the project itself raises: a sentence, and a scenario.peers.failures.Kind if it has one."""

    def __init__(self, text: str = "", kind: Enum | None = None) -> None:
        super().__init__(text)
        self.kind = kind


class OptionError(StressTestError):
    """An option is wrong: `--option: sentence`."""


class PreflightError(StressTestError):
    """What keeps a run from starting: one sentence per error, a line each."""


class UnusableError(StressTestError):
    """A file is none of ours, or has nothing to read; the sentence names it."""


class Failed(StressTestError):
    """The broker failed, and the run ends early."""


class BrokerError(Failed):
    """The broker did not answer, or not rightly."""


class Lost(StressTestError):
    """The run can no longer judge, and ends early."""


class ListenerError(Lost):
    """A listener did not answer, or not rightly."""


class DatabaseError(Lost):
    """The database did not do what it was asked."""


class OutputError(Lost):
    """A file of the run could not be written."""


class InspectionError(Lost):
    """Nobody counts the broker's connections."""
