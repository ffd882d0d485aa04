"""What the text of an option comes to: seconds, addresses, URLs, the numbers of a ramp."""

from __future__ import annotations

from argparse import ArgumentTypeError

import pytest

from scenario.settings.values import (
    broker_url,
    host_and_port,
    joined,
    milliseconds,
    parse_address,
    seconds,
    steps,
    urls,
    whole,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("60", 3600),
        ("1.5", 90),
        ("0", 0),
        ("90s", 90),
        ("0.5s", 0.5),
        ("60m", 3600),
        ("1h30m", 5400),
        ("1h30m10s", 5410),
        ("2h", 7200),
        ("30s1h", 3630),
    ],
)
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "s", "1d", "1 h", "-5s", "1h 30m", "5ms", "1e3", ".5", "1,5", "٣s", "1h30"])
def test_durations_that_are_none(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="takes a duration such as 60m, 90s or 1h30m"):
        seconds(text)


@pytest.mark.parametrize("text", ["9" * 400, "9" * 400 + "s", "1001h", "60001", "99999999h1s"])
def test_durations_that_are_too_long(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=r"takes a duration of at most 1000h, not .{1,130}$"):
        seconds(text)


@pytest.mark.parametrize("text", ["nan", "inf", "٣", "1_0", " 1", "9" * 400, "9" * 5000, "1e999", "-1", "0x10", ""])
def test_numbers_that_are_none(text: str) -> None:
    for check in (whole(0, 1000), milliseconds):
        with pytest.raises(ArgumentTypeError, match=r"^takes (a whole number|milliseconds).{1,160}$"):
            check(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("d", 9)),
        ("broker", ("broker", 9)),
        ("broker:1", ("broker", 1)),
        ("broker:65535", ("broker", 65535)),
        (":1", ("d", 1)),
        ("[::1]", ("::1", 9)),
        ("[::1]:1", ("::1", 1)),
        ("[fe80::1%1]:1", ("fe80::1%1", 1)),
    ],
)
def test_addresses(text: str, expected: tuple[str, int]) -> None:
    assert parse_address(text, "d", 9) == expected


@pytest.mark.parametrize(
    "text",
    [
        "::1",
        "a:b",
        "a:0",
        "a:65536",
        "a:1:2",
        "[::1",
        "a:-1",
        "[::1]x:1",
        "a:",
        "a b",
        "http://a:1",
        "a:1/",
        "a:٣",
        "a..b",
        "a" * 64,
    ],
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="takes host or host:port"):
        parse_address(text, "d", 9)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a/notify", ("a", 80)),
        ("https://a", ("a", 443)),
        ("http://A:8090/notify", ("a", 8090)),
        ("http://[::1]:8090", ("::1", 8090)),
    ],
)
def test_urls(url: str, expected: tuple[str, int]) -> None:
    assert host_and_port(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a",
        "a:80",
        "ftp://a",
        "http://",
        "http://:80",
        "http://a:x",
        "http://[::1",
        "//a",
        "http://a:0",
        "http://a..b",
    ],
)
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(ArgumentTypeError, match="takes URLs such as"):
        host_and_port(url)


@pytest.mark.parametrize("url", ["http://me:secret@a:1/", "https://me@a", "http://@a"])
def test_urls_with_a_password(url: str) -> None:
    with pytest.raises(ArgumentTypeError, match="takes URLs without user and password"):
        host_and_port(url)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("orion", "http://orion:1026"), ("[::1]", "http://[::1]:1026"), ("https://a:1/x/", "https://a:1/x")],
)
def test_broker_url(text: str, expected: str) -> None:
    assert broker_url(text) == expected


@pytest.mark.parametrize(("host", "expected"), [("a", "a:1"), ("10.0.0.1", "10.0.0.1:1"), ("::1", "[::1]:1")])
def test_joined(host: str, expected: str) -> None:
    assert joined(host, 1) == expected
    assert parse_address(expected, "d", 9) == (host, 1)


def test_list_of_urls() -> None:
    assert urls(" http://a , ,http://b,") == ["http://a", "http://b"]
    assert urls(",") == []


@pytest.mark.parametrize(
    ("text", "expected"), [("1:1:1", (1, 1, 1)), ("10:5000:7", (10, 5000, 7)), ("1:1000000:1", (1, 1_000_000, 1))]
)
def test_ramps(text: str, expected: tuple[int, int, int]) -> None:
    assert steps(text) == expected


@pytest.mark.parametrize(
    "text", ["", "1", "1:2", "0:2:1", "3:2:1", "1:2:0", "1:2:3:4", "a:2:1", "1: 2:1", "1:2:-1", "٣:5:1"]
)
def test_ramps_that_are_none(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="takes START:STOP:STEP"):
        steps(text)
