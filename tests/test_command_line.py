"""What Orion's command line says, and what it means where it says nothing."""

from __future__ import annotations

import pytest

from scenario.peers.command_line import CommandLine, Pool


def line(text: str) -> CommandLine:
    return CommandLine(tuple(text.split()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x -a 1", "1"),
        ("x -a 1 -a 2", "2"),  # Orion takes the last one
        ("x -a", None),
        ("x -b 1", None),
        ("", None),
        ("x -ab 1", None),
    ],
)
def test_argument(text: str, expected: str | None) -> None:
    assert line(text).argument("-a") == expected


def test_defaults() -> None:
    bare = line("contextBroker")
    assert (bare.http_timeout, bare.max_connections, bare.request_pool, bare.mode) == (5000, 1020, 0, "transient")
    assert bare.pool("test") is None


@pytest.mark.parametrize(("given", "expected"), [("600000", 600_000), ("soon", 5000), ("-1", 5000), ("1" * 10, 5000)])
def test_number_that_is_none_is_the_default(given: str, expected: int) -> None:
    assert line(f"x -httpTimeout {given}").http_timeout == expected


@pytest.mark.parametrize(
    ("mode", "name", "pool"),
    [
        ("transient", "transient", None),
        ("persistent", "persistent", None),
        ("threadpool", "threadpool", Pool(100, 10)),
        ("threadpool:60000:5000", "threadpool", Pool(60000, 5000)),
        ("threadpool:1:2:3", "threadpool", Pool(1, 2)),
        ("threadpool:1:2,test:3:4", "threadpool", Pool(3, 4, own=True)),
        ("threadpool:1:2,other:3:4", "threadpool", Pool(1, 2)),
        ("threadpool:1:2,other:3:4,test:5:6", "threadpool", Pool(5, 6, own=True)),
        ("threadpool:many:2", "threadpool", None),
        ("threadpool:1", "threadpool", None),
    ],
)
def test_notification_mode(mode: str, name: str, pool: Pool | None) -> None:
    started = line(f"contextBroker -notificationMode {mode}")
    assert (started.mode, started.pool("test")) == (name, pool)
