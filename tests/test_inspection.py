"""The client against real inspectors: ours, rpyc_classic, hanging ones and none."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from scenario.errors import InspectionError
from scenario.peers.inspector import Inspector
from tests.support.processes import ROOT, Process, Processes

SCRIPT = ROOT / "setup_scripts" / "connection_inspector.py"
LISTENER = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1]); time.sleep(600)"


class Target:
    """A stand-in for the broker with a name of its own, listening on a port."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        self.name = f"brk{os.getpid()}"
        python = folder / self.name
        if not python.exists():
            python.symlink_to(sys.executable)
        packages = {"PYTHONHOME": sys.base_prefix}
        self.process = processes.start(python, "-c", LISTENER, env=packages, name="broker")
        self.port = int(self.process.wait_for(r"^(\d+)$")[1])


@pytest.fixture
def target(processes: Processes, tmp_path: Path) -> Target:
    return Target(processes, tmp_path)


def start(processes: Processes, *options: str | Path) -> tuple[Process, int]:
    process = processes.start("python", SCRIPT, "--port", 0, *options)
    return process, int(process.wait_for(r"^connection inspector listening on \S+:(\d+)$")[1])


def test_an_inspection_is_one_round_trip(processes: Processes, target: Target) -> None:
    _, port = start(processes)
    inspector = Inspector("127.0.0.1", port, target.name, target.port, ["127.0.0.1:80"])
    assert inspector.inspect()["pid"] == target.process.pid
    sent = inspector._connection._seqcounter
    before = next(sent)
    assert inspector.inspect()["states"] == {"LISTEN": 1}
    assert next(sent) == before + 2
    assert "(LISTEN)" in inspector.evidence()
    inspector.close()


def test_a_restarted_broker_is_found_again(processes: Processes, target: Target, tmp_path: Path) -> None:
    _, port = start(processes)
    inspector = Inspector("127.0.0.1", port, target.name, target.port)
    first = inspector.inspect()
    os.kill(target.process.pid, signal.SIGKILL)
    target.process.wait(10)
    with pytest.raises(InspectionError, match="no process on"):
        inspector.inspect()
    again = Target(processes, tmp_path)
    second = inspector.inspect()
    assert (first["pid"], second["pid"]) == (target.process.pid, again.process.pid)
    assert second["started"] != first["started"]
    inspector.close()


def test_a_killed_inspector_is_found_again(processes: Processes, target: Target) -> None:
    process, port = start(processes)
    inspector = Inspector("127.0.0.1", port, target.name, target.port)
    inspector.inspect()
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    for reason in ("closed the connection", "cannot be reached: Connection refused"):
        with pytest.raises(InspectionError, match=reason):
            inspector.inspect()
    again = processes.start("python", SCRIPT, "--port", port)
    again.wait_for("listening on")
    assert inspector.inspect()["pid"] == target.process.pid
    inspector.close()


@pytest.mark.parametrize("answer", [b"", b"\0\0\1\0\0half"], ids=["nothing", "half an answer"])
def test_a_hanging_inspector_costs_two_seconds(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as held:

        def take() -> None:
            held.enter_context(server.accept()[0]).sendall(answer)

        taker = threading.Thread(target=take)
        taker.start()
        began = time.monotonic()
        with pytest.raises(InspectionError, match="did not answer within 2 s"):
            Inspector("127.0.0.1", server.getsockname()[1], "x", 1).inspect()
        assert 1.8 < time.monotonic() - began < 2.7
        taker.join(5)


def test_a_full_backlog_costs_at_most_two_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        taken = [socket.socket() for _ in range(3)]
        for one in taken:
            one.setblocking(False)
            one.connect_ex(server.getsockname())
        began = time.monotonic()
        with pytest.raises(InspectionError, match="did not answer"):
            Inspector("127.0.0.1", server.getsockname()[1], "x", 1).inspect()
        assert time.monotonic() - began < 2.7
        for one in taken:
            one.close()


def test_rpyc_classic_gets_the_source_and_a_warning(
    processes: Processes, target: Target, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    classic = processes.start(Path(sys.executable).with_name("rpyc_classic"), "--host", "127.0.0.1", "-p", port)
    classic.wait_for("server started")
    inspector = Inspector("127.0.0.1", port, target.name, target.port)
    with caplog.at_level(logging.WARNING, "scenario.inspection"):
        for _ in range(2):
            assert inspector.inspect()["pid"] == target.process.pid
        inspector.close()
        assert inspector.inspect()["states"] == {"LISTEN": 1}
        assert "the first free one: " in inspector.evidence()
    assert [record.message.partition(" gives ")[2] for record in caplog.records] == [
        "a shell to everyone who reaches its port"
    ]
    inspector.close()
