"""The listener's command line, through the front door."""

from __future__ import annotations

import re
import socket

import pytest

from listener.stats import go_float
from tests.support.listener import Listener, start
from tests.support.processes import Processes


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5m", 300),
        ("1m30s", 90),
        ("250ms", 0.25),
        ("0", 0),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("1.s", 1),
        ("1h1m1s1ms1us1ns", 3661.001001001),
        ("2µs", 2e-6),
        ("0s", 0),
    ],
)
def test_durations_as_in_go(processes: Processes, text: str, seconds: float) -> None:
    stats = start(processes, f"-delay={text}", "--timeout", text).stats()
    assert (stats["delay"], stats["timeout"]) == pytest.approx((seconds, seconds))


def test_the_defaults_of_the_original(processes: Processes) -> None:
    process = processes.start("python", "-m", "listener", "--help")
    assert process.wait() == 0
    text = " ".join(process.output.split())
    for option, default in {"delay": "0", "stats": "5s", "port": "8090", "timeout": "30s", "close": "false"}.items():
        assert re.search(rf" -{option} [^()]*\(default {default}\)", text)
    stats = start(processes).stats()
    assert (stats["delay"], stats["timeout"]) == (0, 30)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("-delay", value) for value in ("5", "5x", "", "-1s", "1s 1s", "s", ".s", "5m,", "٣s", "9999999h")),
        ("-stats", "soon"),
        ("-timeout", "-30s"),
        *(("-port", value) for value in ("http", "65536", "-1", "8093-8090", "0-5", "8090-", "8090,8091")),
        *(("-processes", value) for value in ("0", "-2", "1.5", "1000", "many")),
        ("-close", "maybe"),
        ("-admin", "nobody"),
        ("-colour", "red"),
        ("-\x1b[31m", "red"),
    ],
)
@pytest.mark.parametrize("dash", ["", "-"])
def test_bad_input_gets_one_sentence_that_names_the_option(
    processes: Processes, dash: str, option: str, value: str
) -> None:
    process = processes.start("python", "-m", "listener", "-port=0", f"{dash}{option}={value}")
    assert process.wait() == 2
    assert process.output.startswith("listener: ")
    assert option.replace("\x1b", "?") in process.output
    assert process.output.count("\n") == 1


@pytest.mark.parametrize("processes_wanted", [1, 2])
def test_a_port_in_use(processes: Processes, processes_wanted: int) -> None:
    port = str(start(processes, "-processes", processes_wanted).ports[0])
    second = processes.start("python", "-m", "listener", "-port", port, "-processes", processes_wanted)
    assert second.wait() == 1
    assert second.output == f"listener: cannot listen on *:{port} (-host, -port): address already in use\n"


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("192.0.2.1", "192.0.2.1:0 (-host, -port): cannot assign requested address"),
        ("a" * 70, f"{'a' * 70}:0 (-host, -port): no name of a host"),
        ("\x1b[31m.invalid", "?[31m.invalid:0 (-host, -port): "),
    ],
)
def test_a_host_that_is_not_here(processes: Processes, host: str, reason: str) -> None:
    process = processes.start("python", "-m", "listener", "-port", 0, "-host", host)
    assert process.wait() == 2
    assert process.output.startswith(f"listener: cannot listen on {reason}")
    assert process.output.count("\n") == 1


def reachable(listener: Listener, host: str) -> bool:
    try:
        return listener.get("/-/stats", host=host)[0] == 200
    except ConnectionRefusedError:
        return False


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this system has no IPv6")
@pytest.mark.parametrize(
    ("options", "hosts"),
    [
        ([], ["127.0.0.1", "127.0.0.2", "::1"]),
        (["-host", "127.0.0.1"], ["127.0.0.1"]),
        (["-host", "localhost"], ["127.0.0.1"]),
        (["-host", "0.0.0.0"], ["127.0.0.1", "127.0.0.2"]),
        (["-host", "::1"], ["::1"]),
        (["-host", "[::1]"], ["::1"]),
        (["-host", "::"], ["127.0.0.1", "127.0.0.2", "::1"]),
    ],
)
def test_hosts(processes: Processes, options: list[str], hosts: list[str]) -> None:
    listener = start(processes, *options)
    assert [host for host in ("127.0.0.1", "127.0.0.2", "::1") if reachable(listener, host)] == hosts


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1000.0, "1000"),
        (33.4, "33.4"),
        (100000.0, "100000"),
        (1e6, "1e+06"),
        (1234567.5, "1.2345675e+06"),
        (123456789.0, "1.23456789e+08"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
    ],
)
def test_floats_as_go_prints_them(value: float, text: str) -> None:
    assert go_float(value) == text
