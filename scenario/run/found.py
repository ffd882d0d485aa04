"""What the preflight found: the first record of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from scenario.peers import broker_of
from scenario.peers.database import Contents
from scenario.peers.inspector import Inspection
from scenario.peers.listeners import ListenerStats
from scenario.settings.options import Options


@dataclass(frozen=True)
class Found:
    """What the checks look at. None: it was not to be had, and `problems` tells why."""

    options: Options
    absent_users: tuple[str, ...] = ()
    version: str | None = None
    process: Inspection | None = None
    listeners: dict[str, ListenerStats | None] = field(default_factory=dict)  # by host:port; None: another receiver
    problems: dict[str, str] = field(default_factory=dict)  # by "broker", "process", "database", host:port
    contents: Contents | None = None  # of the database; None with --no-reset, too

    @property
    def database(self) -> str:
        """The name of the service's database, as the broker's command line tells."""
        return broker_of(self.options).database(self.argument("-db"))

    def argument(self, option: str) -> str | None:
        """Return what follows `option` on the broker's command line, the last time; None when it is not there."""
        words = self.process.command_line if self.process else ()
        return next((value for word, value in reversed(list(pairwise(words))) if word == option), None)

    @property
    def delay(self) -> float | None:
        """The longest delay of the listeners, in s; None when none tells."""
        return max((stats.delay for stats in self.listeners.values() if stats), default=None)
