"""The scenario's options: command line, environment or web form -> one frozen, validated `Options`.

`Options` holds what the scenario works with: seconds, URLs, pairs. scenario.settings.arguments has how they are given.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

import msgspec

from scenario.errors import OptionError
from scenario.settings import receivers, values
from scenario.settings.access import Access
from scenario.settings.arguments import DEFAULT_HOST, DEFAULT_MONGO, check
from scenario.settings.groups import BrokerOptions, LimitOptions, LoadOptions, OutputOptions, ProbeOptions
from scenario.settings.secrets import SECRETS

HEALTHY_SLO = 1000.0  # ms
SEEDERS = 8  # users that create the subscriptions
IDLE_RELEASE = 4  # s before the end, at which the idle clients disconnect
LET_GO = 5  # s of rows after the listeners were told to answer, in each step of a ramp and each cycle


def grouped(named: Mapping[str, Any], kind: type | None = None) -> dict[str, Any]:
    """Return options by name as their groups have them; others are left out."""
    groups: dict[str, Any] = {}
    for part in fields(kind or Options):
        if part.name in _GROUPS:
            groups[part.name] = grouped(named, _GROUPS[part.name])
        elif part.name in named:
            groups[part.name] = named[part.name]
    return groups


@dataclass(frozen=True)
class Options:
    """What one run works with."""

    typed: ClassVar[bool] = True  # by the user: a header's word is none of a peer's there, but "/test" say
    broker: BrokerOptions
    load: LoadOptions
    probes: ProbeOptions
    limits: LimitOptions
    outputs: OutputOptions
    preflight_only: bool = False
    force: bool = False

    @classmethod
    def of(cls, named: Mapping[str, Any]) -> Options:
        """Return options from values by name. Raises msgspec.ValidationError: one is missing, or of another type."""
        return msgspec.convert(grouped(named), cls)

    def by_name(self) -> dict[str, Any]:
        """Return every option by its name, without the groups."""
        return dict(_leaves(asdict(self)))

    def changed(self, **named: object) -> Options:
        """Return a copy in which these options are different."""
        return self.of({**self.by_name(), **named})

    @property
    def broker_address(self) -> tuple[str, int]:
        return values.host_and_port(self.broker.host)

    @property
    def inspector_address(self) -> tuple[str, int]:
        """Host and port of the inspector: by default the broker's host."""
        return values.parse_address(self.broker.inspector, self.broker_address[0], values.INSPECTOR_PORT)

    @property
    def listener_addresses(self) -> tuple[str, ...]:
        """host:port of every listener, each once, an IPv6 address in brackets; of a range of ports the first."""
        return tuple(dict.fromkeys(map(receivers.address_of, self.load.notify_urls)))

    @property
    def receivers(self) -> list[str]:
        """All URLs of --notify-url: one for each port of a range."""
        return [url for text in self.load.notify_urls for url in receivers.each_port(text)]

    def listener_for(self, address: str) -> str:
        """Return the one of `listener_addresses` that reports on host:port, which may be in its range."""
        return next((first for first in self.listener_addresses if address in self.ports_of(first)), address)

    def ports_of(self, address: str) -> list[str]:
        """Return the host:port of all receivers that one of `listener_addresses` reports on."""
        ranges = (text for text in self.load.notify_urls if receivers.address_of(text) == address)
        return [receivers.address_of(url) for text in ranges for url in receivers.each_port(text)]

    @property
    def slow_urls(self) -> list[str]:
        urls, of_healthy = self.receivers, self.healthy_address
        apart = [url for url in urls if receivers.address_of(url) != of_healthy] if self.probes.healthy_apart else []
        return apart or urls

    @property
    def slow_addresses(self) -> list[str]:
        """host:port of each of `slow_urls`."""
        return [*map(receivers.address_of, self.slow_urls)]

    @property
    def healthy_address(self) -> str:
        """host:port at which the healthy subscribers are notified: the first, or one that no slow receiver has."""
        return receivers.address_of(self.receivers[-1 if self.probes.healthy_apart else 0])

    @property
    def healthy_limit(self) -> float:
        """Milliseconds within which a healthy subscriber has to be notified."""
        return self.limits.healthy_slo or HEALTHY_SLO

    @property
    def judges_starved(self) -> bool:
        """Whether healthy subscribers are judged though the slow receivers leave no worker for them.

        That is where a ramp breaks, and what --healthy-slo asks for; the original's own start leaves none.
        """
        return bool(self.limits.healthy_slo or self.load.ramp)

    @property
    def stepped(self) -> bool:
        """Whether the connections are held several times: a ramp or cycles."""
        return bool(self.load.ramp or self.load.cycles)

    def to_message(self) -> dict[str, Any]:
        """Return a dict that msgpack can carry to a worker, without any secret: whoever reaches its port is one."""
        return {**self.by_name(), "notify_urls": list(self.load.notify_urls), **dict.fromkeys(SECRETS, "")}

    @classmethod
    def from_message(cls, message: Mapping[str, Any], own: Mapping[str, Any]) -> Options:
        """Rebuild what `to_message` made; the worker has of its `own` what `own_of` tells."""
        return cls.of({**message, **own})

    @staticmethod
    def own_of(parsed: Namespace) -> dict[str, Any]:
        """Return what a worker takes from its own command line: token, certificates and headers."""
        return {name: getattr(parsed, name) for name in ("inspector_token", *(part.name for part in fields(Access)))}

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
        asked = {
            "subscriptions": stop,
            "host": values.broker_url(parsed.host or DEFAULT_HOST),
            "notify_urls": values.urls(parsed.notify_url),
            "kind": parsed.broker,
            "mongo": parsed.mongo or DEFAULT_MONGO,
            "reset": not parsed.no_reset,
            "pings": bool(parsed.mongo) or not parsed.no_reset,
            "duration": float(parsed.hold + LET_GO if stepped else parsed.run_time or values.seconds(parsed.duration)),
            "connection_info": not parsed.no_connection_info,
            "queue_size": not parsed.no_queue_size,
            "client": not parsed.no_client,
            "healthy": 0 if parsed.no_client else parsed.healthy,
        }
        options = cls.of({**vars(parsed), **asked})
        options.broker.access.check()
        return options


_GROUPS: dict[str, type] = {
    "broker": BrokerOptions,
    "access": Access,
    "load": LoadOptions,
    "probes": ProbeOptions,
    "limits": LimitOptions,
    "outputs": OutputOptions,
}


def _leaves(groups: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in groups.items():
        if name in _GROUPS:
            yield from _leaves(value)
        else:
            yield name, value
