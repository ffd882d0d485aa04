"""Every option: what it takes, to the boundary; what it refuses with one sentence that names it, and exit code 2."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Mapping

from locust.argument_parser import LocustArgumentParser, get_empty_argument_parser, setup_parser_arguments

import pytest
from certifi import where

from scenario.errors import OptionError
from scenario.settings.arguments import IN_FORM, add_arguments, check, with_form
from scenario.settings.locusts_options import check_locusts_options
from scenario.settings.options import Options
from tests.support.stack import Stack

WHOLE = "takes a whole number"
URLS = "takes URLs such as http://localhost:8090/notify, not "
ADDRESS = "takes host or host:port (an IPv6 address in brackets), not "
DURATION = "takes a duration such as 60m, 90s or 1h30m, or a bare number of minutes, not "
RAMP = "takes START:STOP:STEP in connections, such as 1000:10000:1000, not "
READ, HEADER = "takes a file that can be read", "takes 'Name: value', of printable ASCII"
NO_PEM = ("/none", "/tmp", __file__)
MONGO = "takes host, host:port or a mongodb:// URI: "
ENCODED = f"{MONGO}user and password must be percent-encoded"
NO_PASSWORD = "takes URLs without user and password, because pages and workers see them"
A_FILE = "takes a file, not "
SERVICE = "takes 1 to 50 lower case letters, digits or _, not "
PATH = "takes a path such as /test (letters, digits, _; at most 10 levels), not "
MS = "takes milliseconds"

Bad = dict[str, str]  # a value and the sentence, from its beginning on


def whole(least: int, most: int) -> tuple[list[str], Bad]:
    """Return a whole number's values: the boundaries, what is beyond them, and what is none."""
    beyond = [str(least - 1), str(most + 1)]
    return [str(least), str(most)], {
        **{text: f"{WHOLE} from {least} to {most}, not {text}" for text in beyond},
        **{text: f"{WHOLE}, not {text!r}" for text in ("", "many", "1.5", "1e3", "0x10")},
    }


OPTIONS: dict[str, tuple[list[str], Bad]] = {
    "--subscriptions": whole(1, 1_000_000),
    "--service": (
        ["a", "orion_2", "s" * 50, "admin"],  # its database is orion-admin
        {text: f"{SERVICE}{text!r}" for text in ("", "Upper", "a-b", "../orion", "s" * 51, "x\n", "ñ", "a b", "٣")},
    ),
    "--service-path": (
        ["/", "/test", "/a/b_2", "/a" * 10, "/" + "p" * 50],
        {text: f"{PATH}{text!r}" for text in ("", "test", "//", "/a/", "/a" * 11, "/" + "p" * 51, "/#", "/ñ", "/a\n")},
    ),
    "--notify-url": (
        ["http://a/notify", "http://[::1]:8090", "http://one:1/notify, http://two:2/notify"],
        {
            "": f"{URLS}''",
            "localhost:8090": f"{URLS}'localhost:8090'",
            "https://b/n": "takes http://, because the listeners speak no TLS, not 'https://b/n'",
            "http://one:1/notify,ftp://two/": f"{URLS}'ftp://two/'",
            "http://": f"{URLS}'http://'",
            "http://a:70000/": f"{URLS}'http://a:70000/'",
            "http://me:secret@a/": NO_PASSWORD,
        },
    ),
    "--mongo": (
        [
            *("", "db", "db:27018", "[::1]:27017", "mongodb", "mongodb:27018"),
            *("mongodb://me:secret@db:1,db2/?replicaSet=rs", "mongodb+srv://me:secret@a.example.com/?srvMaxHosts=2"),
        ],
        {
            "mongodb+srv://me:secret@a.example.com:1/": f"{MONGO}mongodb+srv:// URIs must not include a port number",
            "mongodb+srv://a.example.com:1/": f"{MONGO}mongodb+srv:// URIs must not include a port number",
            "mongodb://me:secret@db/?tls=true&tlsCAFile=/none": f"{MONGO}[Errno 2] The tlscafile file is not readable",
            "mongodb://me:secret@db/?replicaSets=a": f"{MONGO}Unknown option. Did you mean",
            "host:port": f"{ADDRESS}'host:port'",
            "db:0": f"{ADDRESS}'db:0'",
            "mongodb://": MONGO,
            "mongodb://db:x": MONGO,
            "mongodb://db:0": MONGO,
            "me:secret@db": f"{MONGO}put user and password into the URI",
            "mongodb://me:se/cret@db": ENCODED,
            "mongodb://me:se:cret@db": ENCODED,
            "mongodb://me:secret@db:0": ENCODED,
        },
    ),
    "--duration": (
        ["1", "0.5", "1s", "1h30m", "999h"],
        {"": DURATION, "soon": f"{DURATION}'soon'", "-1": DURATION, "5x": DURATION, "m5": DURATION}
        | dict.fromkeys(("0", "0s", "0h0m"), "takes a duration above 0"),
    ),
    "--inspector": (
        ["", "host", "host:1", ":65535", "[::1]:18812"],
        {text: f"{ADDRESS}{text!r}" for text in ("host:65536", "host:0", "host:", "a:b", "::1", "a b")},
    ),
    "--idle-connections": whole(0, 10_000),
    "--baseline": whole(1, 3600),
    "--ramp": (
        ["", "1:1:1", "1000:10000:1000", "5:6:9999999", "1:1000000:1"],
        {
            text: f"{RAMP}{text!r}"
            for text in ("0:5:1", "5:4:1", "1:5:0", "1:5", "1:5:1:1", "a:b:c", "-1:5:1", "1:12345678:1")
        },
    ),
    "--cycles": whole(0, 100_000),
    "--hold": whole(5, 86_400),
    "--version-slo": (
        ["0.1", "1000", "60000"],
        {text: f"{MS} above 0 and up to 60000, not {text}" for text in ("0", "-1", "60000.1")}
        | {text: f"{MS}, not {text!r}" for text in ("", "fast", "nan", "inf")},
    ),
    "--max-nok": whole(0, 1_000_000),
    "--rate": whole(1, 100),
    "--updates": whole(1, 9999),
    "--broker": (["auto", "orion", "ngsi-ld"], {"scorpio": "takes auto, orion, ngsi-ld, not 'scorpio'"}),
    "--healthy": whole(0, 1000),
    "--healthy-slo": (
        ["0", "0.1", "1000", "60000"],
        {text: f"{MS} above 0 and up to 60000, not {text}" for text in ("-1", "60000.1")}
        | {text: f"{MS}, not {text!r}" for text in ("", "fast", "nan", "inf")},
    ),
    "--report-log": (
        ["report.log", "/tmp/report.log"],
        {text: f"{A_FILE}{text!r}" for text in ("", "/tmp")},
    ),
    "--connections-report": (
        ["", "report.html"],
        {text: f"{A_FILE}{text!r}" for text in ("/tmp",)},
    ),
    "--web-origin": (
        ["", "https://load.example.com", "http://a:8089,https://b/"],
        {
            "load.example.com": f"{URLS}'load.example.com'",
            "http://a,ftp://b": f"{URLS}'ftp://b'",
            "https://me@a": NO_PASSWORD,
            "https://a/lt": "takes origins such as https://load.example.com, without a path, not 'https://a/lt'",
        },
    ),
    "--ca-file": (["", where()], {text: f"takes a file of PEM certificates, not {text!r}" for text in NO_PEM}),
    "--cert": (["", where()], {text: f"{READ}, not {text!r}: " for text in ("/none", "/tmp")}),
    "--key": (["", where()], {text: f"{READ}, not {text!r}: " for text in ("/none", "/tmp")}),
    "--header": (
        ["", "X-Auth-Token: a, b"],
        dict.fromkeys(("secret", ": secret", "A:", "A: b\nsecret", "A: sécret"), HEADER)
        | {"Fiware-Service: secret": "takes no Fiware-Service, which the test itself sets"},
    ),
    "--header-file": (
        [""],
        {
            "/none": f"{READ}, not '/none': No such file or directory",
            "/dev/null": f"{READ}, not '/dev/null': it is no regular file",
            __file__: HEADER,
        },
    ),
}  # fmt: skip
GOOD = [(option, text) for option, (good, _) in OPTIONS.items() for text in good]
BAD = [(option, text, sentence) for option, (_, bad) in OPTIONS.items() for text, sentence in bad.items()]
FREE = {"--inspector-token", "--restart-command", "--drop-foreign", "--junit"}  # take any text


def parser() -> LocustArgumentParser:
    made = LocustArgumentParser()
    made.add_argument("--host")  # Locust's own
    add_arguments(made)
    return made


def parsed(*words: str) -> Namespace:
    return Namespace(**{"run_time": None, **vars(parser().parse_args(words))})


def test_table_has_every_option() -> None:
    takes_text = {flag for action in parser()._actions if action.nargs is None for flag in action.option_strings}
    assert takes_text - FREE - {"--host"} == OPTIONS.keys()


@pytest.mark.parametrize(("option", "text"), GOOD)
def test_good_value(option: str, text: str) -> None:
    name = option.removeprefix("--").replace("-", "_")
    value = getattr(parsed(f"{option}={text}"), name)
    assert str(value) in (text, f"{text}.0")
    assert isinstance(value, str | int | float), "msgpack carries it to the workers"
    check({name: value})  # as the form sends it


@pytest.mark.parametrize(("option", "text", "sentence"), BAD)
def test_bad_value_is_named(option: str, text: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([f"{option}={text}"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert f"error: argument {option}: {sentence}" in said
    assert "secret" not in said
    with pytest.raises(OptionError, match=f"^{option}: ") as refused:
        check({option.removeprefix("--").replace("-", "_"): text})
    assert str(refused.value).startswith(f"{option}: {sentence}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "http://localhost:1026"),
        ("orion", "http://orion:1026"),
        ("orion:1027", "http://orion:1027"),
        ("[::1]", "http://[::1]:1026"),
        ("[::1]:80", "http://[::1]:80"),
        ("https://orion/", "https://orion"),
    ],
)
def test_host(text: str, expected: str) -> None:
    assert Options.from_namespace(parsed(f"--host={text}")).broker.host == expected


@pytest.mark.parametrize("text", ["ftp://broker", "http://", "http://a:x", "a:0", "a b", "http://me:secret@a"])
def test_bad_host(text: str) -> None:
    with pytest.raises(OptionError, match=r"^--host: takes "):
        check({"host": text})


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {"subscriptions": 5000, "duration": 3600, "reset": True, "connection_info": True, "queue_size": True}),
        (["--no-reset", "--no-connection-info"], {"reset": False, "connection_info": False, "pings": False}),
        (["--no-reset", "--mongo", "localhost"], {"mongo": "localhost", "pings": True}),
        ([], {"mongo": "localhost", "pings": True}),
        (["--no-queue-size", "--force"], {"queue_size": False, "force": True}),
        (["--preflight-only"], {"preflight_only": True}),
        (["--notify-url=http://a:1/n", "--notify-url=http://b:2/n"], {"notify_urls": ("http://a:1/n", "http://b:2/n")}),
        (["--ramp=100:300:50", "--hold=7"], {"subscriptions": 300, "duration": 12, "stepped": True}),
        (["--cycles=3", "--duration=9h"], {"subscriptions": 5000, "duration": 15, "stepped": True}),
        (["--ramp=1:2:1", "--restart-command=true"], {"restart_command": "true"}),
        ([], {"broker_address": ("localhost", 1026), "inspector_address": ("localhost", 18812)}),
        (["--host=orion"], {"inspector_address": ("orion", 18812), "listener_addresses": ("localhost:8090",)}),
        (["--inspector=i:9", "--notify-url=http://a/n,http://b:81/n"], {"listener_addresses": ("a:80", "b:81")}),
        (["--host=[::1]", "--notify-url=http://[::2]:3/n"], {"broker_address": ("::1", 1026)}),
        (["--host=[::1]", "--notify-url=http://[::2]:3/n"], {"listener_addresses": ("[::2]:3",)}),
    ],
)
def test_what_a_run_works_with(words: list[str], expected: Mapping[str, object]) -> None:
    options = Options.from_namespace(parsed(*words))
    by_name = options.by_name()
    assert {name: by_name[name] if name in by_name else getattr(options, name) for name in expected} == expected
    assert Options.from_message(options.to_message(), {}) == options.changed(mongo="", restart_command="")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--ramp=1:2:1", "--cycles=2"], "--cycles: takes no ramp beside it"),
        (["--restart-command=true"], "--restart-command: only a ramp restarts the broker"),
        (["--restart-command=true", "--cycles=2"], "--restart-command: only a ramp restarts the broker"),
        ([f"--key={__file__}"], "--key: belongs to a certificate; --cert names it"),
        (["--insecure", f"--ca-file={where()}"], "--insecure: nothing is verified, so leave out --ca-file"),
        ([f"--cert={__file__}"], "--cert: takes a certificate and its key, without a passphrase: "),
    ],
)
def test_options_that_do_not_go_together(words: list[str], sentence: str) -> None:
    with pytest.raises(OptionError, match=f"^{sentence}"):
        Options.from_namespace(parsed(*words))


def test_form_replaces_what_the_command_line_said() -> None:
    form = {
        "subscriptions": "7",
        "version_slo": "2.5",
        "no_reset": "false",
        "host": "http://localhost:1026",
        "ramp": "",
    }
    asked = with_form(parsed("--no-reset", "--subscriptions=5"), form)
    assert (asked.subscriptions, asked.version_slo, asked.no_reset) == (7, 2.5, False)
    with pytest.raises(OptionError, match=r"^--subscriptions: takes a whole number, not 'many'"):
        with_form(parsed(), {"subscriptions": "many"})


@pytest.mark.parametrize("name", sorted({action.dest for action in parser()._actions} - IN_FORM - {"host"}))
def test_form_changes_nothing_else(name: str) -> None:
    with pytest.raises(OptionError, match=f"^--{name.replace('_', '-')}: can be set on the command line only"):
        with_form(parsed(), {"subscriptions": "7", name: ""})


@pytest.mark.parametrize("host", ["", "http://localhost:1027", "orion", "http://localhost:1026@orion"])
def test_form_leads_to_no_other_broker(host: str) -> None:
    with pytest.raises(OptionError, match=r"^--host: can be set on the command line only"):
        with_form(parsed(), {"host": host})


def test_form_is_offered_what_it_may_change() -> None:
    offered = {action.dest for action in parser()._actions if getattr(action, "include_in_web_ui", True)}
    assert offered - {"host", "help"} == IN_FORM


# Through the front door


def test_bad_value_starts_nothing(stack: Stack) -> None:
    run = stack.locust_process("--headless", "--subscriptions=0")
    assert run.wait() == 2
    assert [line for line in run.output.splitlines() if "--subscriptions" in line] == [
        "locust: error: argument --subscriptions: takes a whole number from 1 to 1000000, not 0"
    ]
    assert "Traceback" not in run.output
    assert "phase" not in run.output


def test_bad_value_of_the_environment_is_named(stack: Stack) -> None:
    run = stack.locust_process("--headless", env={"LOCUST_SERVICE": "../orion"})
    assert run.wait() == 2
    assert "--service" in run.output
    assert "takes 1 to 50 lower case letters, digits or _, not '../orion'" in run.output


def test_bad_host_is_named(stack: Stack) -> None:
    run = stack.locust_process("--headless", "--host", "ftp://broker")
    assert run.wait() == 2
    assert "--host: takes URLs" in run.output


def test_typo_gets_a_suggestion(stack: Stack) -> None:
    run = stack.locust_process("--headless", "--subscription", "5", "--idle-conections", "1")
    assert run.wait() == 2
    assert "Did you mean '--idle-connections'?" in run.output


def test_help_lists_every_option(stack: Stack) -> None:
    listing = stack.processes.start("python", "-m", "scenario")
    assert listing.wait() == 0
    for option in OPTIONS.keys() | FREE | {"--no-reset", "--force"}:
        assert option in listing.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--processes", "-5"), "--processes: takes a whole number from -1 to 999, not -5"),
        (("--run-time", "9" * 400), "--run-time: takes a duration of at most 1000h, not '999"),
        (("--autoquit", "5"), "--autoquit: needs --autostart"),
        (("--processes", "2", "--master"), "--master: --processes starts its own master"),
        (("--web-base-path", "x"), "--web-base-path: takes a path that starts with /, not 'x'"),
        (("--\x1b[31m",), "unrecognized arguments: -- [31m"),
    ],
)
def test_locusts_own_options(words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = get_empty_argument_parser()
    setup_parser_arguments(parser)
    for add in (add_arguments, check_locusts_options):
        add(parser)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(words)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_many_listeners_are_read_at_once() -> None:
    """Each user that creates subscriptions reads them, and the probes of its process wait meanwhile."""
    urls = ",".join(f"http://h{number}/n,http://h{number}/m" for number in range(300))
    options = Options.from_namespace(parsed(f"--notify-url={urls}"))
    spent = time.process_time()
    assert len(options.slow_urls) == 600
    assert options.listener_addresses == tuple(f"h{number}:80" for number in range(300)), "each once"
    assert time.process_time() - spent < 0.5
    assert len(options.changed(healthy_apart=True).slow_urls) == 598, "two lead to the healthy subscribers' listener"
