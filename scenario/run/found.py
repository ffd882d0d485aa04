"""The findings of the preflight: the first record of a run."""

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
    """The input of the checks. None means not available; `problems` says why."""

    options: Options
    absent_users: tuple[str, ...] = ()
    version: str | None = None
    process: Inspection | None = None
    listeners: dict[str, ListenerStats | None] = field(default_factory=dict)  # by host:port; None: another receiver
    problems: dict[str, str] = field(
        default_factory=dict
    )  # by "broker", "process", "database", "client", address, flag
    kinds: dict[str, Kind] = field(default_factory=dict)  # of these problems, if known
    contents: Contents | None = None  # of the database; None also with --no-reset
    localhost: dict[str, tuple[str, ...]] = field(default_factory=dict)  # where parts named so accept connections
    client: float | None = None  # ms for its update, query and removal; None: not tried, or failed
    uptimes: tuple[int, ...] = ()  # uptimes of the broker in s, from several answers at the same time
    addresses: dict[str, str] = field(default_factory=dict)  # of the broker, if several: the problem of each, or ""
    inspectors: tuple[str, ...] = ()  # ids of all that answered several requests
    listener_ids: dict[str, tuple[str, ...]] = field(default_factory=dict)  # the same per host:port of the listeners
    libraries: dict[str, str] = field(default_factory=dict)  # versions of the broker's libraries, if it reports them
    open_files: int | None = None  # this process's limit, -1 for unlimited; None in recordings of before

    @property
    def database(self) -> str:
        """The name of the service's database, according to the broker's command line."""
        return broker_of(self.options).database(self.argument("-db"))

    def argument(self, option: str) -> str | None:
        """Return the last value of `option` on the broker's command line; None if it is not there."""
        return self.command_line.argument(option)

    @property
    def command_line(self) -> CommandLine:
        """Orion's command line; empty if it could not be read, or the broker is not Orion."""
        known = self.process is not None and not kind_of(self.options).speaks_ngsild
        return CommandLine(self.process.command_line if self.process and known else ())

    @property
    def too_small(self) -> str:
        """The state of a limit that is too small: only a warning in a ramp, which looks for the breaking point."""
        return WARNING if self.options.load.ramp else ERROR

    @property
    def first_uses(self) -> int:
        """Number of cycles in which a worker is used for the first time. The workers take turns."""
        pool = self.command_line.pool(self.options.broker.service)
        return ceil(max(1, (pool.workers if pool else 0) / self.options.load.notifications))

    @property
    def cycles_to_tell(self) -> int:
        """Number of cycles needed to recognize a leak: two that count, after the first uses."""
        return self.first_uses + 2

    @property
    def delay(self) -> float | None:
        """The longest delay of the listeners in s; None if unknown."""
        return max((stats.delay for stats in self.listeners.values() if stats), default=None)
