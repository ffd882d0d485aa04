"""The frozen records that a run consists of: each is published once (scenario.run.events), recorded, and read back.

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
    """The run may go on: its options and surroundings are known, and good."""


@dataclass(frozen=True)
class Refused:
    """The run may not start: one problem per line; none: it was not meant to (--preflight-only)."""

    problem: str


@dataclass(frozen=True)
class PhaseBegan:
    """The run enters a phase."""

    phase: Phase


@dataclass(frozen=True)
class Said:
    """How a phase goes, in a sentence."""

    phase: Phase
    text: str


@dataclass(frozen=True)
class HoldBegan:
    """So many connections are to be held: once in a plain run, in each step of a ramp and in each cycle.

    `title` says which step or cycle that is; empty: it is none.
    """

    subscriptions: int
    title: str = ""


@dataclass(frozen=True)
class Reset:
    """Subscriptions of the service before those that are seeded, and those left after its database was dropped."""

    existing: int
    left: int = 0


@dataclass(frozen=True)
class Seeded:
    """Subscriptions that a seeder created, and that the broker refused, since its last report."""

    created: int
    refused: int
    error: str = ""
    failure: Kind | None = None


@dataclass(frozen=True)
class Update:
    """The update that triggers the notifications: when it was sent, how long its answer took (ms)."""

    at: float
    latency: float
    error: str = ""
    failure: Kind | None = None

    @property
    def answered(self) -> float:
        """When the answer was there, s since the epoch."""
        return self.at + self.latency / 1000

    @property
    def number(self) -> int:
        """What its notifications tell it by."""
        return update_number(self.at)


@dataclass(frozen=True)
class IdleClients:
    """The idle clients: how many connected, later how many were still answered, and when they let go (s, epoch)."""

    at: float
    accepted: int
    answered: int | None = None
    released: float | None = None
    error: str = ""

    def hold_at(self, moment: float) -> bool:
        """Whether they hold their connections at a moment."""
        return self.at < moment and (self.released is None or moment < self.released)


@dataclass(frozen=True)
class Ended:
    """What ended the hold early: a failure of the broker, or something without which it cannot be judged."""

    reason: str
    failed: bool
    failure: Kind | None = None


@dataclass(frozen=True)
class Unforeseen:
    """An exception that nobody foresaw, wherever it was raised."""

    where: str
    error: str


@dataclass(frozen=True)
class Trouble:
    """Beside the broker something went wrong: a file was not written, something was left behind; a sentence."""

    text: str


@dataclass(frozen=True)
class Interrupted:
    """Somebody stopped the run."""


@dataclass(frozen=True)
class StillSent:
    """Notifications that came after the cleanup, of subscriptions that had been removed."""

    number: int


@dataclass(frozen=True)
class HoldEnded:
    """The connections were let go: what was held since HoldBegan is one step."""


@dataclass(frozen=True)
class RunEnded:
    """The run is to be judged."""


@dataclass(frozen=True)
class Evidence:
    """What was seen at the first NOK: the broker's descriptors, what the listeners tell."""

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
# What a worker may send, which is whoever reaches the master's port: nothing that opens a file or ends a run
KINDS_OF_WORKERS = {name: kind for name, kind in KINDS.items() if kind in _OF_USERS}
