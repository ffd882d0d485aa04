"""Bad input gets one clear sentence that names the option, and exit code 2; nothing is started."""

from __future__ import annotations

from argparse import ArgumentTypeError

import pytest

from scenario.settings.values import parse_address, seconds
from tests.support.stack import Stack

BAD = [
    ("--subscriptions", "0"),
    ("--subscriptions", "many"),
    ("--seeders", "-1"),
    ("--service", "Upper"),
    ("--service", "../orion"),
    ("--service-path", "test"),
    ("--notify-url", "localhost:8090"),
    ("--notify-url", "http://one:1/notify,ftp://two/"),
    ("--mongo", "mongodb://"),
    ("--mongo", "host:port"),
    ("--duration", "soon"),
    ("--duration", "0"),
    ("--inspector", "host:99999"),
    ("--process-name", ""),
    ("--idle-connections", "-1"),
    ("--baseline", "0"),
    ("--version-slo", "0"),
    ("--max-nok", "none"),
    ("--report-log", "/nowhere/report.log"),
]


@pytest.mark.parametrize(("option", "text"), BAD)
def test_bad_value_is_named(stack: Stack, option: str, text: str) -> None:
    run = stack.locust_process("--headless", f"{option}={text}")
    assert run.wait() == 2
    named = [line for line in run.output.splitlines() if option in line]
    assert len(named) == 1, run.output
    assert "Traceback" not in run.output
    assert "phase" not in run.output


def test_bad_host_is_named(stack: Stack) -> None:
    run = stack.locust_process("--headless", "--host", "ftp://broker")
    assert run.wait() == 3
    assert "--host: takes URLs" in run.output


def test_typo_gets_a_suggestion(stack: Stack) -> None:
    run = stack.locust_process("--headless", "--subscription", "5", "--idle-conections", "1")
    assert run.wait() == 2
    assert "Did you mean '--idle-connections'?" in run.output


@pytest.mark.parametrize(
    ("text", "expected"), [("60", 3600), ("1.5", 90), ("90s", 90), ("60m", 3600), ("1h30m", 5400), ("2h", 7200)]
)
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == expected


def test_help_lists_every_option(stack: Stack) -> None:
    listing = stack.processes.start("python", "-m", "scenario")
    assert listing.wait() == 0
    for option in {option for option, _ in BAD} | {"--no-reset", "--inspector-token"}:
        assert option in listing.output


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("d", 9)),
        ("broker", ("broker", 9)),
        ("broker:1", ("broker", 1)),
        (":1", ("d", 1)),
        ("[::1]", ("::1", 9)),
        ("[::1]:1", ("::1", 1)),
    ],
)
def test_addresses(text: str, expected: tuple[str, int]) -> None:
    assert parse_address(text, "d", 9) == expected


@pytest.mark.parametrize("text", ["::1", "a:b", "a:0", "a:65536", "a:1:2", "[::1", "a:-1", "[::1]x:1"])
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="takes host or host:port"):
        parse_address(text, "d", 9)
