"""The groups of the scenario's options."""

from __future__ import annotations

from dataclasses import dataclass, field

from scenario.settings.access import Access


@dataclass(frozen=True)
class BrokerOptions:
    """The broker under test: where it, its database and its inspector are, and what the run may do to it."""

    host: str
    service: str
    service_path: str
    mongo: str = field(repr=False)
    inspector: str
    inspector_token: str = field(repr=False)
    reset: bool
    keep: bool = False
    drop_foreign: str = ""
    restart_command: str = field(default="", repr=False)
    access: Access = field(default_factory=Access)
    kind: str = "orion"  # "auto" until it was looked for


@dataclass(frozen=True)
class LoadOptions:
    """What is held, where and for how long, in seconds; `ramp` and `cycles` several times."""

    subscriptions: int
    notify_urls: tuple[str, ...]
    idle_connections: int
    baseline: int
    duration: float
    ramp: str = ""
    cycles: int = 0
    hold: int = 10
    updates: int = 1  # at once, of entities of their own

    @property
    def notifications(self) -> int:
        """Notifications that are to be held: each update notifies every subscription."""
        return self.subscriptions * self.updates


@dataclass(frozen=True)
class ProbeOptions:
    """What is measured each second."""

    connection_info: bool
    queue_size: bool
    client: bool = False  # in runs that were recorded before there was one
    healthy: int = 0  # subscribers
    rate: int = 1  # tries per second
    pings: bool = False  # of the database; False in runs that were recorded before there were any
    healthy_apart: bool = False  # the last address of --notify-url is the healthy subscribers' own


@dataclass(frozen=True)
class LimitOptions:
    """What the verdict allows; latencies in ms."""

    version_slo: float
    max_nok: int
    healthy_slo: float = 0  # 0: not given
    limit: str = ""  # limits of one's own, separated by commas


@dataclass(frozen=True)
class OutputOptions:
    """The files that are written; an empty name: none."""

    report_log: str
    connections_report: str
    result: str = ""  # --json
    junit: str = ""
