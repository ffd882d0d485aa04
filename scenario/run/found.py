"""What the preflight found: the first record of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

from scenario.peers import broker_of, kind_of
from scenario.peers.command_line import CommandLine
from scenario.peers.database import Contents
from scenario.peers.failures import Kind
from scenario.peers.inspection import Inspection
from scenario.peers.listeners import ListenerStats
from scenario.run.results import ERROR, WARNING
from scenario.settings.options import Options


@dataclass(frozen=True)
class Found:
    """What the checks look at. None: it was not to be had, and `problems` tells why."""

    options: Options
    absent_users: tuple[str, ...] = ()
    version: str | None = None
    process: Inspection | None = None
    listeners: dict[str, ListenerStats | None] = field(default_factory=dict)  # by host:port; None: another receiver
    problems: dict[str, str] = field(
        default_factory=dict
    )  # by "broker", "process", "database", "client", address, flag
    kinds: dict[str, Kind] = field(default_factory=dict)  # of these problems, as far as they have one
    contents: Contents | None = None  # of the database; None with --no-reset, too
    localhost: dict[str, tuple[str, ...]] = field(default_factory=dict)  # where parts so named take connections
    client: float | None = None  # ms that its update, query and removal took; None: not tried, or in vain
    uptimes: tuple[int, ...] = ()  # s that the broker has run, by several answers at about one time
    addresses: dict[str, str] = field(default_factory=dict)  # the broker's, if several: what is wrong with each, or ""
    inspectors: tuple[str, ...] = ()  # the different ones that answered, asked several times
    listener_ids: dict[str, tuple[str, ...]] = field(default_factory=dict)  # the same of the listeners at host:port
    libraries: dict[str, str] = field(default_factory=dict)  # of the broker: their versions, as far as it tells

    @property
    def database(self) -> str:
        """The name of the service's database, as the broker's command line tells."""
        return broker_of(self.options).database(self.argument("-db"))

    def argument(self, option: str) -> str | None:
        """Return what follows `option` on the broker's command line, the last time; None when it is not there."""
        return self.command_line.argument(option)

    @property
    def command_line(self) -> CommandLine:
        """Orion's command line; without words when nobody could read it, or the broker is no Orion."""
        known = self.process is not None and not kind_of(self.options).speaks_ngsild
        return CommandLine(self.process.command_line if self.process and known else ())

    @property
    def too_small(self) -> str:
        """The state of what is too small for the run: where the broker ends is what a ramp is to find out."""
        return WARNING if self.options.load.ramp else ERROR

    @property
    def first_uses(self) -> int:
        """Cycles in which some worker of the broker's pool is used for the first time, for they take turns."""
        pool = self.command_line.pool(self.options.broker.service)
        return ceil(max(1, (pool.workers if pool else 0) / self.options.load.subscriptions))

    @property
    def cycles_to_tell(self) -> int:
        """Cycles that it takes to see a leak: two that count, after the first uses."""
        return self.first_uses + 2

    @property
    def delay(self) -> float | None:
        """The longest delay of the listeners, in s; None when none tells."""
        return max((stats.delay for stats in self.listeners.values() if stats), default=None)
