"""The scenario's options: command line, environment or web form -> one frozen, validated `Options`.

Every option is an argparse argument whose `type` checks the text and returns a plain str, int or float. Plain, because
Locust sends the values to its workers with msgpack; never None, because the web form turns a text into the type of the
value it replaces. `Options` holds what the scenario works with: seconds, URLs, pairs.
"""

from __future__ import annotations

from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from scenario.errors import OptionError
from scenario.settings import values
from scenario.settings.secrets import HIDDEN, redacted

DEFAULT_HOST = "http://localhost:1026"
LET_GO = 5  # s of rows after the listeners were told to answer, in each step of a ramp and each cycle


@dataclass(frozen=True)
class Options:
    """What one run works with. Durations are in seconds, latencies in milliseconds."""

    host: str
    subscriptions: int
    seeders: int
    service: str
    service_path: str
    notify_urls: tuple[str, ...]
    mongo: str
    reset: bool
    duration: float
    connection_info: bool
    queue_size: bool
    inspector: str
    inspector_token: str
    process_name: str
    idle_connections: int
    idle_release: int
    cache_limit: int
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
    restart_command: str = ""
    client: bool = False  # in runs that were recorded before there was one

    @property
    def broker_address(self) -> tuple[str, int]:
        """Host and port of the broker."""
        return values.host_and_port(self.host)

    @property
    def inspector_address(self) -> tuple[str, int]:
        """Host and port of the inspector: by default the broker's host."""
        return values.parse_address(self.inspector, self.broker_address[0], values.INSPECTOR_PORT)

    @property
    def listener_addresses(self) -> tuple[str, ...]:
        """host:port of every listener, an IPv6 address in brackets."""
        return tuple(values.joined(*values.host_and_port(url)) for url in self.notify_urls)

    @property
    def stepped(self) -> bool:
        """Tell whether the connections are held several times: a ramp or cycles."""
        return bool(self.ramp or self.cycles)

    def without_secrets(self) -> Options:
        """Return what may be shown, written and sent on."""
        return replace(
            self,
            host=redacted(self.host),
            mongo=redacted(self.mongo),
            notify_urls=tuple(map(redacted, self.notify_urls)),
            inspector_token=HIDDEN if self.inspector_token else "",
            restart_command=redacted(self.restart_command),
        )

    def to_message(self) -> dict[str, Any]:
        """Return a dict that msgpack can carry to a worker."""
        return {**asdict(self), "notify_urls": list(self.notify_urls)}

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Options:
        """Rebuild what `to_message` made."""
        return cls(**{**message, "notify_urls": tuple(message["notify_urls"])})

    @classmethod
    def from_namespace(cls, parsed: Namespace) -> Options:
        """Build from Locust's parsed options. Raises OptionError (`--option: sentence`) for a bad value."""
        check(vars(parsed))
        stop = values.steps(parsed.ramp)[1] if parsed.ramp else parsed.subscriptions
        stepped = bool(parsed.ramp or parsed.cycles)
        if parsed.ramp and parsed.cycles:
            raise OptionError("--cycles: takes no ramp beside it; leave out --ramp or --cycles")
        if parsed.restart_command and not parsed.ramp:
            raise OptionError("--restart-command: only a ramp restarts the broker; --ramp START:STOP:STEP asks for one")
        return cls(
            subscriptions=stop,
            host=values.broker_url(parsed.host or DEFAULT_HOST),
            notify_urls=tuple(values.urls(parsed.notify_url)),
            reset=not parsed.no_reset,
            duration=float(parsed.hold + LET_GO if stepped else parsed.run_time or values.seconds(parsed.duration)),
            connection_info=not parsed.no_connection_info,
            queue_size=not parsed.no_queue_size,
            client=not parsed.no_client,
            **{
                name: getattr(parsed, name)
                for name in cls.__annotations__.keys() & vars(parsed).keys() - {"host", "duration", "subscriptions"}
            },
        )


class _Argument(NamedTuple):
    flag: str
    default: str | int | float
    check: Callable[[str], object]
    help: str

    @property
    def name(self) -> str:
        return self.flag.removeprefix("--").replace("-", "_")


_ARGUMENTS = (
    _Argument("--subscriptions", 5000, values.whole(1, 1_000_000), "subscriptions, each held as one connection"),
    _Argument("--seeders", 8, values.whole(1, 1000), "users that create the subscriptions"),
    _Argument(
        "--service", "stablished_connections", values.service, "Fiware-Service; its database orion-<service> is dropped"
    ),
    _Argument("--service-path", "/test", values.service_path, "Fiware-ServicePath"),
    _Argument(
        "--notify-url", "http://localhost:8090/notify", values.notify_url, "listener URLs: repeat it or use commas"
    ),
    _Argument("--mongo", "localhost", values.mongo, "the broker's database: host, host:port or mongodb:// URI"),
    _Argument(
        "--duration", "60m", values.duration, "time after the trigger: 90s, 60m, 1h30m; a bare number is minutes"
    ),
    _Argument(
        "--inspector",
        "",
        values.address,
        "inspector on the broker's host: host[:port]; nothing: the host of --host, port 18812",
    ),
    _Argument("--process-name", "contextBroker", values.name, "start of the name of the broker's process"),
    _Argument("--idle-connections", 10, values.whole(0, 10_000), "idle clients, connected after the trigger and held"),
    _Argument("--idle-release", 4, values.whole(0, 3600), "seconds before the end at which the idle clients let go"),
    _Argument("--cache-limit", 75, values.whole(1, 86_400), "seconds to wait for the broker's subscription cache"),
    _Argument("--baseline", 3, values.whole(1, 3600), "seconds of rows before the trigger: the rest level"),
    _Argument(
        "--ramp",
        "",
        values.ramp,
        "find the breaking point: hold START connections, then STEP more each time, up to STOP (START:STOP:STEP)",
    ),
    _Argument("--cycles", 0, values.whole(0, 100_000), "hold and let go so many times, and look for what grows"),
    _Argument("--hold", 10, values.whole(5, 86_400), "seconds that each step of a ramp, and each cycle, is held"),
    _Argument("--version-slo", 1000.0, values.milliseconds, "an answer has to be there within this many milliseconds"),
    _Argument(
        "--max-nok",
        0,
        values.whole(0, 1_000_000),
        "failures of version, of update and of query, each, that the test tolerates",
    ),
    _Argument(
        "--report-log", "connections_stress_tests.log", values.report_log, "the report, in the original test's columns"
    ),
    _Argument(
        "--connections-report",
        "",
        lambda text: text and values.report_log(text),
        "write the run as one HTML page to this file; nothing: no page",
    ),
)
_FLAGS = (
    ("--no-reset", "do not drop the service's database"),
    ("--no-connection-info", "do not count the broker's connections; the columns show N/A"),
    ("--preflight-only", "print the table of checks and end: nothing is started, nothing dropped"),
    ("--force", "start although the preflight found errors"),
    ("--no-client", "no ordinary client that updates an entity of its own and reads it back, once per second"),
    ("--no-queue-size", "do not ask for the notification queue; the column shows N/A"),
)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options to Locust's parser (listener of `init_command_line_parser`)."""
    parser.set_defaults(host=DEFAULT_HOST)
    group = parser.add_argument_group("connections stress test")

    def add(flag: str, *, is_secret: bool = False, **rest: Any) -> None:
        env_var = "LOCUST_" + flag[2:].replace("-", "_").upper()
        action: Any = group.add_argument(flag, env_var=env_var, **rest)
        action.include_in_web_ui, action.is_secret = True, is_secret  # what Locust does for arguments without a group

    for argument in _ARGUMENTS:
        kind: dict[str, Any] = {"action": _Join} if argument.flag == "--notify-url" else {}
        metavar = {int: "N", float: "MS"}.get(type(argument.default), "TEXT")
        add(
            argument.flag,
            default=argument.default,
            type=argument.check,
            metavar=metavar,
            help=argument.help + (f" (default: {argument.default})" if argument.default != "" else ""),
            **kind,
        )
    for flag, text in _FLAGS:
        add(flag, action="store_true", help=text)
    add("--inspector-token", default="", is_secret=True, help="the inspector's token")
    group.add_argument(  # not for the web form: it is run by a shell
        "--restart-command",
        default="",
        metavar="TEXT",
        env_var="LOCUST_RESTART_COMMAND",
        help="shell command, run here, that restarts the broker before each further step of a ramp",
    )


def check(texts: Mapping[str, Any]) -> None:
    """Check values by name, as the web form sends them. Raises OptionError: `--option: sentence`."""
    for argument in _ARGUMENTS:
        if argument.name in texts:
            try:
                argument.check(str(texts[argument.name]))
            except ArgumentTypeError as problem:
                raise OptionError(f"{argument.flag}: {problem}") from None
    try:
        values.host(str(texts.get("host", "")))
    except ArgumentTypeError as problem:
        raise OptionError(f"--host: {problem}") from None


def with_form(parsed: Namespace, texts: Mapping[str, str]) -> Namespace:
    """Return a copy of `parsed` with what the web form sends, typed as Locust will. Raises OptionError, as `check`."""
    check(texts)
    kinds = {"host": str, "inspector_token": str, **{argument.name: type(argument.default) for argument in _ARGUMENTS}}
    switches = [flag.removeprefix("--").replace("-", "_") for flag, _ in _FLAGS]
    asked = {name: kind(texts[name]) for name, kind in kinds.items() if name in texts}
    asked |= {name: texts[name] == "true" for name in switches if name in texts}
    return Namespace(**{**vars(parsed), **asked})


class _Join(Action):
    """`--notify-url A --notify-url B,C` -> "A,B,C": one text, which the web form can show and msgpack carry."""

    def __call__(
        self, parser: ArgumentParser, namespace: Namespace, text: Any, option_string: str | None = None
    ) -> None:
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, text if before == self.default else f"{before},{text}")
