"""The preflight on real parts: it holds where all is well, and says what is not. Each check: test_checks.py."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from scenario.peers.ngsiv2 import Ngsiv2
from tests.support.processes import ROOT
from tests.support.stack import Stack

LINE = re.compile(r"preflight: (ok|warning|error) +(.+?) {2,}(.*)")


def table(stack: Stack, *options: str | int) -> tuple[int, dict[str, tuple[str, str]]]:
    """Return the exit code and {what: (state, the rest of the line)}."""
    run = stack.locust("--preflight-only", *options)
    code = run.wait()
    assert "phase reset" not in run.output, "nothing is started"
    assert "# reqs" not in run.output, "Locust's tables would be empty"
    return code, {what: (state, rest) for state, what, rest in LINE.findall(run.output)}


def test_all_holds(stack: Stack) -> None:
    code, lines = table(stack.start("-subCacheIval", 0))
    assert code == 0
    assert {what: state for what, (state, _) in lines.items()} == dict.fromkeys(
        (
            *("broker", "client", "inspector", "connections at rest", "notification mode", "-httpTimeout"),
            *("-multiservice", "-statNotifQueue", "-maxConnections", "-subCacheIval"),
            *("broker's open files", "broker's threads", "ephemeral ports", "database", "Locust's open files"),
            "healthy subscribers",
            f"listener 127.0.0.1:{stack.listener_port}",
        ),
        "ok",
    )
    assert "Orion 3.10.1" in lines["broker"][1]
    assert f"orion-{stack.service} will be dropped" in lines["database"][1]


def test_broker_started_wrongly(stack: Stack) -> None:
    small = ("-notificationMode", "threadpool:60000:59", "-httpTimeout", 2000, "--nofile", 300)
    code, lines = table(stack.start(*small, multiservice=False, show_queue=False, delay="2500ms"))
    assert code == 3
    assert {what: state for what, (state, _) in lines.items() if state != "ok"} == {
        "notification mode": "error",
        "-httpTimeout": "error",
        "-multiservice": "error",
        "-statNotifQueue": "warning",
        "-subCacheIval": "warning",
        "healthy subscribers": "warning",
        "broker's open files": "error",
    }
    assert "threadpool:60000:60" in lines["notification mode"][1]
    assert "2000 ms; needed: above the listener's delay, 2.5 s" in lines["-httpTimeout"][1]
    assert "300; needed: 540" in lines["broker's open files"][1]


def test_parts_that_are_down(stack: Stack) -> None:
    stack.start()
    for part in (stack.broker, stack.inspector, stack.listener):
        part.stop()
    code, lines = table(stack, "--mongo", "127.0.0.1:1")
    assert code == 3
    assert {what for what, (state, _) in lines.items() if state == "error"} == {
        *("broker", "inspector", "database", f"listener 127.0.0.1:{stack.listener_port}")
    }
    assert "connection refused" in lines["broker"][1]
    code, lines = table(stack, "--mongo", "127.0.0.1:1", "--no-reset", "--no-connection-info")
    assert code == 3
    assert not lines.keys() & {"database", "inspector"}, "nobody needs them"


def test_locusts_own_limit(stack: Stack) -> None:
    stack.start()
    locust = [Path(sys.executable).with_name("locust"), "--locustfile", ROOT / "locustfile.py"]
    words = shlex.join(map(str, [*locust, "--headless", "--preflight-only", *stack.options("--idle-connections", 300)]))
    run = stack.processes.start("sh", "-c", f"ulimit -n 400; exec {words}", name="locust")
    assert run.wait() == 3
    assert re.search(r"error +Locust's open files +400; needed: 508; run ulimit -n 508, then start Locust", run.output)


def test_receiver_that_is_not_ours(stack: Stack) -> None:
    stack.start()
    _, lines = table(stack, "--notify-url", f"http://127.0.0.1:{stack.broker_port}/notify")
    assert lines[f"listener 127.0.0.1:{stack.broker_port}"][0] == "warning"


@pytest.mark.slow
def test_connections_left_by_a_run_before(stack: Stack) -> None:
    stack.start(idle="60s", delay="100ms")
    broker = Ngsiv2(f"http://127.0.0.1:{stack.broker_port}", stack.service, "/test")
    for asked in (broker.subscribe(f"http://127.0.0.1:{stack.listener_port}/notify"), broker.update(1.0)):
        answer = requests.post(broker.host + asked.path, data=asked.body, headers=asked.headers, timeout=5)
        answer.raise_for_status()
    code, lines = table(stack)
    assert code == 0
    assert lines["connections at rest"][0] == "warning"
    assert "1 to the listeners; needed: none; wait until" in lines["connections at rest"][1]


@pytest.mark.slow
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


@pytest.mark.skipif(
    subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0,
    reason="only root may give a name two addresses, in a mount namespace",
)
def test_a_broker_one_of_whose_addresses_is_silent(stack: Stack) -> None:
    stack.start()
    names = stack.folder / "hosts"
    names.write_text("127.0.0.2 broker.test\n127.0.0.1 broker.test localhost\n", encoding="ascii")
    locust = (Path(sys.executable).with_name("locust"), "--locustfile", ROOT / "locustfile.py", "--headless")
    asked = (*stack.options(), "--host", f"http://broker.test:{stack.broker_port}", "--preflight-only")
    with ExitStack() as opened:
        full = opened.enter_context(socket.create_server(("127.0.0.2", int(stack.broker_port)), backlog=0))
        for _ in range(3):
            client = opened.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        words = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', names, *locust)
        run = stack.processes.start(*words, *asked, name="locust")
        assert run.wait() == 3, run.output
    finding = re.search("error +broker's name +(.*)", run.output)
    assert finding
    assert "address 127.0.0.2 does not answer (no connection within 1 s), 127.0.0.1 does" in finding[1]
