"""A run wholly over ::1: broker, inspector, listener, database, and the worker's master."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from scenario.peers.database import Contents, look
from tests.support.processes import ROOT, Processes
from tests.support.stack import SUBSCRIPTIONS, Stack, free_port, start_mongo, verdict


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as trial:
            trial.bind(("::1", 0))
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not _has_ipv6(), reason="this machine has no ::1")


@pytest.fixture
def stack6(processes: Processes, tmp_path: Path) -> Stack:
    """The embedded stack on ::1, and a database of its own there."""
    return Stack(processes, start_mongo(processes, "::1"), tmp_path, "::1")


def _peers(process: psutil.Process) -> set[str]:
    """Return the addresses that a process is connected to."""
    return {connection.raddr.ip for connection in process.net_connections("inet") if connection.raddr}


def test_run_over_ipv6(stack6: Stack) -> None:
    port = free_port()
    bound = ("--master-bind-host", "[::1]", "--master-bind-port", port, "--expect-workers", 1)
    run = stack6.start().locust("--master", *bound)
    worker = stack6.locust_process("--worker", "--master-host", "[::1]", "--master-port", port)
    stack6.wait_for_row(run, 3)
    for process in (stack6.broker, run, worker):
        assert _peers(psutil.Process(process.pid)) == {"::1"}
    rows = stack6.ended(run, 0)
    assert verdict(run)[0] == "PASS"
    assert max(int(row["listener_held"] or 0) for row in rows) >= SUBSCRIPTIONS


def test_a_database_that_is_at_one_of_the_addresses_of_localhost(processes: Processes) -> None:
    port = start_mongo(processes, "::1").rpartition(":")[2]
    assert look(f"localhost:{port}", "orion-test", {}) == Contents(0)  # for pymongo that is 127.0.0.1


NAMED = 'mount --bind "$0" /etc/hosts && exec "$@"'


@pytest.mark.skipif(
    subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0,
    reason="only root may give localhost a meaning of its own, in a mount namespace",
)
@pytest.mark.parametrize(
    "listener", ["127.0.0.1", pytest.param("", marks=pytest.mark.slow), pytest.param("::1", marks=pytest.mark.slow)]
)
def test_localhost_that_means_two_addresses(stack6: Stack, listener: str) -> None:
    stack6.start_broker("-multiservice")
    stack6.start_inspector()
    stack6.host = listener
    stack6.start_listener("3s")
    stack6.host = "localhost"
    names = stack6.folder / "hosts"
    names.write_text("127.0.0.1 localhost\n::1 localhost\n", encoding="ascii")
    locust = Path(sys.executable).with_name("locust")
    words = ("unshare", "--mount", "sh", "-c", NAMED, names, locust, "--locustfile", ROOT / "locustfile.py")
    run = stack6.processes.start(*words, "--headless", "--preflight-only", *stack6.options(), name="locust")
    run.wait()
    (finding,) = re.findall(r"warning +localhost +(.*)", run.output) or [""]
    if listener == "127.0.0.1":
        url = f"http://localhost:{stack6.listener_port}/notify"
        assert f"--host is at ::1, --notify-url {url} is at 127.0.0.1, --inspector is at ::1; needed: one" in finding
    else:
        assert not finding, run.output
