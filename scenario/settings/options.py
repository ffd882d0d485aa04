"""The scenario's options: command line, environment or web form -> one frozen, validated `Options`.

`Options` holds what the scenario works with: seconds, URLs, pairs. scenario.settings.arguments has how they are given.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from scenario.errors import OptionError
from scenario.settings import values
from scenario.settings.access import Access
from scenario.settings.arguments import DEFAULT_HOST, DEFAULT_MONGO, check
from scenario.settings.secrets import SECRETS

HEALTHY_SLO = 1000.0  # ms
SEEDERS = 8  # users that create the subscriptions
IDLE_RELEASE = 4  # s before the end, at which the idle clients let go
LET_GO = 5  # s of rows after the listeners were told to answer, in each step of a ramp and each cycle


@dataclass(frozen=True)
class Options:
    """What one run works with. Durations are in seconds, latencies in milliseconds."""

    host: str
    subscriptions: int
    service: str
    service_path: str
    notify_urls: tuple[str, ...]
    mongo: str = field(repr=False)
    reset: bool
    duration: float
    connection_info: bool
    queue_size: bool
    inspector: str
    inspector_token: str = field(repr=False)
    idle_connections: int
    baseline: int
    version_slo: float
    max_nok: int
    report_log: str
    connections_report: str
    preflight_only: bool
    force: bool
    ramp: str = ""
    cycles: int = 0
    hold: int = 10
    restart_command: str = field(default="", repr=False)
    keep: bool = False
    drop_foreign: str = ""
    client: bool = False  # in runs that were recorded before there was one
    result: str = ""  # --json
    junit: str = ""
    limit: str = ""  # limits of one's own, separated by commas
    pings: bool = False  # of the database, each second; False in runs that were recorded before there were any
    healthy: int = 0
    healthy_slo: float = 0  # 0: not given
    rate: int = 1  # per second
    ca_file: str = ""
    insecure: bool = False
    cert: str = ""
    key: str = ""
    header: str = field(default="", repr=False)
    header_file: str = ""

    @property
    def broker_address(self) -> tuple[str, int]:
        """Host and port of the broker."""
        return values.host_and_port(self.host)

    @property
    def inspector_address(self) -> tuple[str, int]:
        """Host and port of the inspector: by default the broker's host."""
        return values.parse_address(self.inspector, self.broker_address[0], values.INSPECTOR_PORT)

    @property
    def access(self) -> Access:
        """What the broker wants of whoever asks it."""
        return Access(**{name: getattr(self, name) for name in Access.__annotations__})

    @property
    def listener_addresses(self) -> tuple[str, ...]:
        """host:port of every listener, an IPv6 address in brackets."""
        return tuple(values.joined(*values.host_and_port(url)) for url in self.notify_urls)

    @property
    def healthy_url(self) -> str:
        """Where the healthy subscribers are notified: at the first of the listeners."""
        return f"http://{self.listener_addresses[0]}/healthy"

    @property
    def healthy_limit(self) -> float:
        """Milliseconds within which a healthy subscriber has to be notified."""
        return self.healthy_slo or HEALTHY_SLO

    @property
    def judges_starved(self) -> bool:
        """Tell whether healthy subscribers are judged though the slow receivers leave no worker for them.

        That is where a ramp breaks, and what --healthy-slo asks for; the original's own start leaves none.
        """
        return bool(self.healthy_slo or self.ramp)

    @property
    def stepped(self) -> bool:
        """Tell whether the connections are held several times: a ramp or cycles."""
        return bool(self.ramp or self.cycles)

    def to_message(self) -> dict[str, Any]:
        """Return a dict that msgpack can carry to a worker, without any secret: whoever reaches its port is one."""
        return {**asdict(self), "notify_urls": list(self.notify_urls), **dict.fromkeys(SECRETS, "")}

    @classmethod
    def from_message(cls, message: Mapping[str, Any], own: Mapping[str, Any]) -> Options:
        """Rebuild what `to_message` made; the worker has of its `own` what `own_of` tells."""
        return cls(**{**message, "notify_urls": tuple(message["notify_urls"]), **own})

    @staticmethod
    def own_of(parsed: Namespace) -> dict[str, Any]:
        """Return what a worker takes from its own command line: token, certificates and headers."""
        return {name: getattr(parsed, name) for name in ("inspector_token", *Access.__annotations__)}

    @classmethod
    def from_namespace(cls, parsed: Namespace, secrets: Mapping[str, str] | None = None) -> Options:
        """Build from Locust's parsed options, and what `secrets.taken_from` took out of them.

        Raises OptionError (`--option: sentence`) for a bad value.
        """
        parsed = Namespace(**{**vars(parsed), **(secrets or {})})
        check(vars(parsed))
        stop = values.steps(parsed.ramp)[1] if parsed.ramp else parsed.subscriptions
        stepped = bool(parsed.ramp or parsed.cycles)
        if parsed.ramp and parsed.cycles:
            raise OptionError("--cycles: takes no ramp beside it; leave out --ramp or --cycles")
        if parsed.restart_command and not parsed.ramp:
            raise OptionError("--restart-command: only a ramp restarts the broker; --ramp START:STOP:STEP asks for one")
        options = cls(
            subscriptions=stop,
            host=values.broker_url(parsed.host or DEFAULT_HOST),
            notify_urls=tuple(values.urls(parsed.notify_url)),
            mongo=parsed.mongo or DEFAULT_MONGO,
            reset=not parsed.no_reset,
            pings=bool(parsed.mongo) or not parsed.no_reset,
            duration=float(parsed.hold + LET_GO if stepped else parsed.run_time or values.seconds(parsed.duration)),
            connection_info=not parsed.no_connection_info,
            queue_size=not parsed.no_queue_size,
            client=not parsed.no_client,
            healthy=0 if parsed.no_client else parsed.healthy,
            **{
                name: getattr(parsed, name)
                for name in cls.__annotations__.keys()
                & vars(parsed).keys() - {"host", "duration", "subscriptions", "healthy", "mongo"}
            },
        )
        options.access.check()
        return options
