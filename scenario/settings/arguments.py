"""The options, as given on the command line, in the environment or in the web form.

Each option is an argparse argument. Its `type` checks the text and returns a str, int or float, because Locust sends
the values to its workers with msgpack. It never returns None, because the web form converts a text to the type of the
value that it replaces.
"""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from scenario.errors import OptionError
from scenario.settings import access, receivers, values
from scenario.settings.actions import Join, JoinLines, Json, WebLogin
from scenario.settings.command_line_only import COMMAND_LINE_ONLY
from scenario.settings.locusts_options import run_time
from scenario.settings.mongo import mongo
from scenario.settings.secrets import secret

DEFAULT_HOST, DEFAULT_SERVICE, DEFAULT_SERVICE_PATH = "http://localhost:1026", "stablished_connections", "/test"
DEFAULT_MONGO, DEFAULT_WEB_HOST = "localhost", "127.0.0.1"
# What the web form shows and may change: numbers and names of the test. Never a path, address, secret or command.
IN_FORM = frozenset(
    (
        *("subscriptions", "service", "service_path", "duration", "baseline", "ramp", "cycles", "hold"),
        *("idle_connections", "version_slo", "max_nok", "healthy", "healthy_slo"),
        *("rate", "updates"),
        *("no_reset", "no_connection_info", "no_queue_size", "no_client"),
    )
)
_LOCUSTS_FILES = {"csv_prefix", "html_file", "json_file", "logfile"}  # Locust exits with 1 if it cannot write one
_NUMBERS_OF_FORM: dict[str, Callable[[str], object]] = {
    "user_count": values.whole(0, values.MOST),
    "spawn_rate": values.whole(0, values.MOST),
    "run_time": run_time,
}
_LOCUSTS_FIELDS = frozenset(("user_count", "spawn_rate", "run_time", "profile", "host"))


class _Argument(NamedTuple):
    flag: str
    default: str | int | float
    check: Callable[[str], object]
    help: str

    @property
    def name(self) -> str:
        return self.flag.removeprefix("--").replace("-", "_")


_ARGUMENTS = (
    _Argument(
        "--subscriptions", 5000, values.whole(1, values.MOST), "number of subscriptions, each held as one connection"
    ),
    _Argument("--broker", values.AUTO, values.broker, "kind of broker: orion, ngsi-ld, or auto to ask the broker"),
    _Argument(
        "--service", DEFAULT_SERVICE, values.service, "Fiware-Service; the run drops its database orion-<service>"
    ),
    _Argument("--service-path", DEFAULT_SERVICE_PATH, values.service_path, "Fiware-ServicePath"),
    _Argument(
        "--notify-url",
        "http://localhost:8090/notify",
        receivers.notify_url,
        "URL of a listener, or of a range of ports; for several, repeat the option or use commas",
    ),
    _Argument(
        "--mongo",
        "",
        mongo,
        "the broker's database: host, host:port or mongodb:// URI (default: localhost; none with --no-reset)",
    ),
    _Argument(
        "--duration", "60m", values.duration, "time after the trigger: 90s, 60m, 1h30m; a bare number is minutes"
    ),
    _Argument(
        "--inspector", "", values.address, "host[:port] of the inspector (default: the host of --host, port 18812)"
    ),
    _Argument(
        "--idle-connections", 10, values.whole(0, 10_000), "number of idle clients, which connect after the trigger"
    ),
    _Argument("--baseline", 3, values.whole(1, 3600), "seconds of measuring at rest, before the trigger"),
    _Argument(
        "--ramp",
        "",
        values.ramp,
        "find the breaking point: hold START connections, then STEP more each time, up to STOP (START:STOP:STEP)",
    ),
    _Argument(
        "--cycles", 0, values.whole(0, 100_000), "hold and release the notifications N times, and look for leaks"
    ),
    _Argument("--hold", 10, values.whole(5, 86_400), "seconds for which each step of a ramp, or each cycle, is held"),
    _Argument("--version-slo", 1000.0, values.milliseconds, "longest time that an answer may take, in milliseconds"),
    _Argument(
        "--max-nok",
        0,
        values.whole(0, 1_000_000),
        "number of rows that may be NOK, for each of version, update and query",
    ),
    _Argument(
        "--healthy",
        10,
        values.whole(0, 1000),
        "number of healthy subscribers, which the client's updates notify; 0: none",
    ),
    _Argument(
        "--healthy-slo",
        0.0,
        lambda text: 0.0 if text in ("0", "0.0") else values.milliseconds(text),
        "longest time of a healthy notification, in ms; 0: 1000, judged only in a ramp or if workers are left",
    ),
    _Argument(
        "--updates", 1, values.whole(1, 9999), "number of updates sent at once, each notifying all subscriptions"
    ),
    _Argument("--rate", 1, values.whole(1, 100), "requests per second, for each of version, update and query"),
    _Argument(
        "--report-log",
        "connections_stress_tests.log",
        values.report_log,
        "file for the report in the original test's columns",
    ),
    _Argument("--connections-report", "", values.report, "write the run to this file as one HTML page"),
    _Argument("--junit", "", values.report, "write the verdict to this file as JUnit XML"),
    _Argument(
        "--web-origin",
        "",
        values.origins,
        "another address of the web UI, such as that of a proxy: https://load.example.com; several with commas",
    ),
)
_FLAGS = (
    ("--no-reset", "do not drop the service's database"),
    ("--keep", "keep the run's subscriptions and entities in the broker when it ends"),
    ("--no-connection-info", "do not count the broker's connections; the columns show N/A"),
    ("--preflight-only", "print the table of checks and stop; nothing is started or dropped"),
    ("--force", "start even if the preflight finds errors"),
    ("--no-client", "run without the ordinary client, which updates an entity and reads it back once per second"),
    ("--no-queue-size", "do not query the notification queue; the column shows N/A"),
)
_ACCESS = (
    _Argument("--ca-file", "", access.ca_file, "CA certificates (PEM) that verify the broker's certificate"),
    _Argument("--cert", "", values.readable, "client certificate (PEM) for the broker"),
    _Argument("--key", "", values.readable, "key of the client certificate (default: in the same file)"),
    _Argument("--header", "", access.header, "'Name: value', sent with every request to the broker; repeatable"),
    _Argument("--header-file", "", access.header_file, "file of headers, one per line; read again when it changes"),
)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options to Locust's parser (listener of `init_command_line_parser`)."""
    parser.set_defaults(host=DEFAULT_HOST, web_host=DEFAULT_WEB_HOST, result="")
    for action in parser._actions:  # Locust's own
        if action.dest == "host":
            action.type = values.host
        elif action.dest in ("web_host", "master_host", "master_bind_host"):
            action.type = values.without_brackets
        elif action.dest == "json":
            _with_file(action)
        elif action.dest in _LOCUSTS_FILES:
            action.type = values.written_by_locust
        elif action.dest == "web_login":
            action.__class__ = WebLogin
    group = parser.add_argument_group("connections stress test")

    def add(flag: str, **rest: Any) -> None:
        env_var = None if flag in COMMAND_LINE_ONLY else "LOCUST_" + flag[2:].replace("-", "_").upper()
        action: Any = group.add_argument(flag, env_var=env_var, **rest)
        action.include_in_web_ui = action.dest in IN_FORM  # what Locust does for arguments without a group

    for argument in _ARGUMENTS:
        kind: dict[str, Any] = {"action": Join} if argument.flag == "--notify-url" else {}
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
    add(
        "--inspector-token",
        default="",
        type=secret,
        help="the inspector's token; better in the environment, because ps shows the command line",
    )
    for flag, text in COMMAND_LINE_ONLY.items():
        add(flag, default="", metavar="TEXT", help=text)
    add_access(add)


def add_access(add: Callable[..., object]) -> None:
    """Add the options for access to the broker. `add` has the signature of add_argument."""
    for argument in _ACCESS:
        kind: dict[str, Any] = {"action": JoinLines} if argument.flag == "--header" else {}
        add(argument.flag, default="", type=argument.check, metavar="TEXT", help=argument.help, **kind)
    add("--insecure", action="store_true", help="do not verify the broker's certificate")


def check(texts: Mapping[str, Any]) -> None:
    """Check values by name, as the web form sends them. Raises OptionError: `--option: sentence`."""
    for argument in (*_ARGUMENTS, *_ACCESS):
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
    """Return a copy of `parsed` with the values of the web form, converted as Locust converts them.

    Raises OptionError for a wrong value, for an option that the form may not change, and for another broker's address.
    """
    for name in texts:
        if name not in IN_FORM | _LOCUSTS_FIELDS or (name == "host" and texts[name].rstrip("/") != parsed.host):
            raise OptionError(f"--{name.replace('_', '-')}: can be set on the command line only, not in the form")
    check(texts)
    for name, takes in _NUMBERS_OF_FORM.items():
        try:
            if texts.get(name):
                takes(texts[name])
        except ArgumentTypeError as problem:
            raise OptionError(f"--{name.replace('_', '-')}: {problem}") from None
    kinds = {argument.name: type(argument.default) for argument in _ARGUMENTS}
    switches = {flag.removeprefix("--").replace("-", "_") for flag, _ in _FLAGS}
    asked: dict[str, Any] = {name: kind(texts[name]) for name, kind in kinds.items() if name in texts}
    asked |= {name: texts[name] == "true" for name in switches if name in texts}
    return Namespace(**{**vars(parsed), **asked})


def _with_file(action: Any) -> None:
    """Let Locust's `--json` take a file for the result. Without a file it prints Locust's statistics."""
    action.__class__ = Json
    action.nargs, action.const, action.type, action.metavar = "?", "", values.report, "FILE"
    action.help = f"with FILE: write the result to it as JSON. Without: {action.help}"
