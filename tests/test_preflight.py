"""Every line of the preflight: it holds on a stack as it should be, and says so when something is not."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from scenario.peers.ngsiv2 import Ngsiv2
from tests.support.processes import ROOT
from tests.support.stack import SUBSCRIPTIONS, Stack

LINE = re.compile(r"preflight: (ok|warning|error) +(.+?) {2,}(.*)")


def table(stack: Stack, *options: str | int) -> tuple[int, dict[str, tuple[str, str]]]:
    """Return the exit code and {what: (state, the rest of the line)}."""
    run = stack.locust("--preflight-only", *options)
    code = run.wait()
    assert "phase reset" not in run.output, "nothing is started"
    return code, {what: (state, rest) for state, what, rest in LINE.findall(run.output)}


def test_all_holds(stack: Stack) -> None:
    code, lines = table(stack.start())
    assert code == 0
    assert {what: state for what, (state, _) in lines.items()} == dict.fromkeys(
        (
            *("broker", "inspector", "connections at rest", "notification mode", "-httpTimeout"),
            *("-multiservice", "-statNotifQueue"),
            *("broker's open files", "broker's processes", "ephemeral ports", "database", "Locust's open files"),
            f"listener 127.0.0.1:{stack.listener_port}",
        ),
        "ok",
    )
    assert "Orion 3.10.1" in lines["broker"][1]
    assert f"orion-{stack.service} will be dropped" in lines["database"][1]


@pytest.mark.parametrize(
    ("broker_options", "what", "state", "words"),
    [
        (("-notificationMode", f"threadpool:60000:{SUBSCRIPTIONS - 1}"), "notification mode", "error", "threadpool:"),
        (("-notificationMode", "threadpool:1:50"), "notification mode", "error", "threadpool:60000:60"),
        (("-notificationMode", "persistent"), "notification mode", "error", "one connection for all"),
        (("-notificationMode", "transient"), "notification mode", "warning", "transient"),
        (("-httpTimeout", 2000), "-httpTimeout", "error", "2000 ms; needed: above the listener's delay, 3 s"),
        (("-reqPoolSize", 10), "-reqPoolSize", "warning", "15: each idle client takes one"),
        (("--nofile", 300), "broker's open files", "error", "ulimit -n 380"),
    ],
)
def test_broker_started_wrongly(
    stack: Stack, broker_options: tuple[str | int, ...], what: str, state: str, words: str
) -> None:
    code, lines = table(stack.start(*broker_options))
    assert lines[what][0] == state
    assert words in lines[what][1]
    assert code == (3 if state == "error" else 0)


def test_flags_missing(stack: Stack) -> None:
    code, lines = table(stack.start(multiservice=False, show_queue=False))
    assert code == 3
    for flag, state in (("-multiservice", "error"), ("-statNotifQueue", "warning")):
        assert lines[flag][0] == state
        assert "not on the command line" in lines[flag][1]


def test_request_pool_large_enough(stack: Stack) -> None:
    _, lines = table(stack.start("-reqPoolSize", 15))
    assert lines["-reqPoolSize"][0] == "ok"


@pytest.mark.parametrize(
    ("end", "what", "words"),
    [
        (lambda stack: stack.broker.stop(), "broker", "connection refused"),
        (lambda stack: stack.inspector.stop(), "inspector", "--no-connection-info does without"),
        (lambda stack: stack.listener.stop(), "listener", "start it: python -m listener"),
    ],
)
def test_part_that_is_down(stack: Stack, end: Callable[[Stack], int], what: str, words: str) -> None:
    stack.start()
    end(stack)
    code, lines = table(stack)
    assert code == 3
    line = next(line for name, line in lines.items() if name.startswith(what))
    assert line[0] == "error"
    assert words in line[1]


def test_database_that_is_down(stack: Stack) -> None:
    code, lines = table(stack.start(), "--mongo", "127.0.0.1:1")
    assert (code, lines["database"][0]) == (3, "error")
    assert "--no-reset does without" in lines["database"][1]
    code, lines = table(stack, "--mongo", "127.0.0.1:1", "--no-reset")
    assert code == 0
    assert "database" not in lines


def test_too_many_for_the_ephemeral_ports(stack: Stack) -> None:
    _, lines = table(stack.start(), "--subscriptions", 70_000)
    assert lines["ephemeral ports"][0] == "error"
    assert f"needed: 70000 to 127.0.0.1:{stack.listener_port}; start another listener" in lines["ephemeral ports"][1]
    assert "name it with one more --notify-url" in lines["ephemeral ports"][1]


def test_ports_are_needed_per_listener(stack: Stack) -> None:
    stack.start()
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split())
    urls = [f"http://127.0.0.1:{port}/notify" for port in (stack.listener_port, stack.broker_port)]
    many = ("--subscriptions", high - low + 3, "--notify-url")
    _, lines = table(stack, *many, urls[0])
    assert lines["ephemeral ports"][0] == "error"
    _, lines = table(stack, *many, ",".join(urls))
    assert lines["ephemeral ports"][0] == "ok"


@pytest.mark.parametrize(("subscriptions", "states"), [(28_232, []), (28_233, ["warning"])])
def test_ports_when_nobody_tells_of_them(stack: Stack, subscriptions: int, states: list[str]) -> None:
    _, lines = table(stack.start(), "--subscriptions", subscriptions, "--no-connection-info")
    told = [lines[what] for what in lines if what == "ephemeral ports"]
    assert [state for state, _ in told] == states
    assert all("Linux's default is 28232 (32768 to 60999)" in rest for _, rest in told)


def test_too_many_for_the_processes_the_listener_and_locust(stack: Stack) -> None:
    _, lines = table(stack.start(), "--subscriptions", 1_000_000, "--idle-connections", 10_000, "--seeders", 1000)
    assert lines["broker's processes"][0] == "warning"
    assert "ulimit -u" in lines["broker's processes"][1]
    assert lines[f"listener 127.0.0.1:{stack.listener_port}"][0] == "error"


def test_locusts_own_limit(stack: Stack) -> None:
    stack.start()
    locust = [Path(sys.executable).with_name("locust"), "--locustfile", ROOT / "locustfile.py"]
    words = shlex.join(map(str, [*locust, "--headless", "--preflight-only", *stack.options("--idle-connections", 300)]))
    run = stack.processes.start("sh", "-c", f"ulimit -n 400; exec {words}", name="locust")
    assert run.wait() == 3
    assert re.search(r"error +Locust's open files +400; needed: 508; ulimit -n 508", run.output)


def test_receiver_that_is_not_ours(stack: Stack) -> None:
    stack.start()
    _, lines = table(stack, "--notify-url", f"http://127.0.0.1:{stack.broker_port}/notify")
    assert lines[f"listener 127.0.0.1:{stack.broker_port}"][0] == "warning"


def test_connections_left_by_a_run_before(stack: Stack) -> None:
    stack.start(idle="60s", delay="100ms")
    broker = Ngsiv2(f"http://127.0.0.1:{stack.broker_port}", stack.service, "/test")
    for asked in (broker.subscribe(f"http://127.0.0.1:{stack.listener_port}/notify"), broker.update(1, 1.0)):
        answer = requests.post(broker.host + asked.path, data=asked.body, headers=asked.headers, timeout=5)
        answer.raise_for_status()
    code, lines = table(stack)
    assert code == 0
    assert lines["connections at rest"][0] == "warning"
    assert "1 lead to the listeners; needed: none; wait until" in lines["connections at rest"][1]


def test_short_delay_is_a_warning(stack: Stack) -> None:
    code, lines = table(stack.start(delay="1s"))
    assert code == 0
    assert lines[f"listener 127.0.0.1:{stack.listener_port}: delay"][0] == "warning"


def test_user_classes_picked_by_hand(stack: Stack) -> None:
    stack.start()
    run = stack.locust("VersionProbe")
    assert run.wait() == 3
    assert "start locust without class names" in run.output


def test_force_goes_on(stack: Stack) -> None:
    stack.start()
    stack.listener.stop()
    run = stack.locust("--force")
    run.wait_for("phase seed", 60)
