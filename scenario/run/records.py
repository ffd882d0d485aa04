"""The frozen records of a run. Each is published once (scenario.run.events), recorded, and read back by replay.

RunBegan                            what was kept of the run before is over
Found, then Accepted or Refused     what the run is (scenario.run.found), and that it may go on, or why not
PhaseBegan, Said                    where it is, and how it goes
HoldBegan, Reset, Schedule          the connections are to be held: what follows belongs to that
Seeded, Update, IdleClients         what those users did that load the broker
VersionSample ... DatabaseSample    what was measured (scenario.run.samples)
Ended, Unforeseen, Interrupted      why it did not go on
Trouble                             what went wrong beside the broker: the run does not pass
StillSent                           what came after the cleanup, of subscriptions that had been removed
HoldEnded, RunEnded                 judge
Evidence                            what was seen at the first NOK
Row, Step, Verdict                  what comes of them (scenario.run.results)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from scenario.peers.broker import update_number
from scenario.peers.failures import Kind
from scenario.run.found import Found
from scenario.run.phase import Phase
from scenario.run.results import Step, Verdict
from scenario.run.samples import Sample
from scenario.run.schedule import Schedule


@dataclass(frozen=True)
class RunBegan:
    """A run begins, with its preflight."""


@dataclass(frozen=True)
class Accepted:
    """The preflight passed: the run continues."""


@dataclass(frozen=True)
class Refused:
    """The run does not start: one problem per line, or none for --preflight-only."""

    problem: str


@dataclass(frozen=True)
class PhaseBegan:
    """The run enters a phase."""

    phase: Phase


@dataclass(frozen=True)
class Said:
    """A sentence on the progress of a phase."""

    phase: Phase
    text: str


@dataclass(frozen=True)
class HoldBegan:
    """A hold of so many connections begins: once in a plain run, otherwise in each step or cycle.

    `title` names the step or cycle; "" in a plain run.
    """

    subscriptions: int
    title: str = ""


@dataclass(frozen=True)
class Reset:
    """Number of subscriptions of the service before seeding, and of those left after its database was dropped."""

    existing: int
    left: int = 0


@dataclass(frozen=True)
class Seeded:
    """Numbers of subscriptions created and refused since the seeder's last report."""

    created: int
    refused: int
    error: str = ""
    failure: Kind | None = None


@dataclass(frozen=True)
class Update:
    """The update that triggers the notifications: its time, and the latency of its answer (ms)."""

    at: float
    latency: float
    error: str = ""
    failure: Kind | None = None

    @property
    def answered(self) -> float:
        """Time of the answer, s since the epoch."""
        return self.at + self.latency / 1000

    @property
    def number(self) -> int:
        """The number that its notifications carry."""
        return update_number(self.at)


@dataclass(frozen=True)
class IdleClients:
    """The idle clients: how many connected, how many were still answered, and when they closed (s since the epoch)."""

    at: float
    accepted: int
    answered: int | None = None
    released: float | None = None
    error: str = ""

    def hold_at(self, moment: float) -> bool:
        """Whether they hold their connections at a time."""
        return self.at < moment and (self.released is None or moment < self.released)


@dataclass(frozen=True)
class Ended:
    """The hold ended early: the broker failed, or something needed for judging is missing."""

    reason: str
    failed: bool
    failure: Kind | None = None


@dataclass(frozen=True)
class Unforeseen:
    """An unforeseen exception."""

    where: str
    error: str


@dataclass(frozen=True)
class Trouble:
    """A problem outside the broker in a sentence: a file was not written, or something was left behind."""

    text: str


@dataclass(frozen=True)
class Interrupted:
    """The run was stopped."""


@dataclass(frozen=True)
class StillSent:
    """Notifications of removed subscriptions that arrived after the cleanup."""

    number: int


@dataclass(frozen=True)
class HoldEnded:
    """A step ended: everything since HoldBegan belongs to it."""


@dataclass(frozen=True)
class RunEnded:
    """The run has ended and is judged now."""


@dataclass(frozen=True)
class Evidence:
    """Evidence from the first NOK: the broker's descriptors, the listeners' statistics."""

    text: str


KINDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        *(RunBegan, Found, Accepted, Refused, PhaseBegan, Said, HoldBegan, Reset, Schedule),
        *(Seeded, Update, IdleClients),
        *get_args(Sample),
        *(Ended, Unforeseen, Trouble, StillSent, Interrupted, HoldEnded, RunEnded, Evidence, Step, Verdict),
    )
}
_OF_USERS = {Seeded, Update, IdleClients, *get_args(Sample), Unforeseen}
# Records that a worker may send. Anyone who reaches the master can be a worker, so none opens a file or ends a run
KINDS_OF_WORKERS = {name: kind for name, kind in KINDS.items() if kind in _OF_USERS}
