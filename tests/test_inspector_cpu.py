"""Who takes the CPUs of the broker's host, as the inspector tells it: real processes that spend some."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.processes import ROOT, Process, Processes

sys.path.insert(0, str(ROOT / "setup_scripts"))  # from where it is copied
from inspector.command_line import database_ports
from inspector.cpu import APART, DATABASE, LISTENER, HostCpu, ProcessCpu
from inspector.netlink import kernel_sockets
from inspector.proc import TICKS

# Listens, and spends half a second of CPU when it is told to
SPENDER = """
import signal, socket, time
server = socket.create_server(("127.0.0.1", 0))
def spend(*_):
    end = time.process_time() + 0.5
    while time.process_time() < end: pass
    print("spent", flush=True)
signal.signal(signal.SIGUSR1, spend)
print(server.getsockname()[1], flush=True)
while True: time.sleep(60)
"""


class Spender:
    """A process under a name of its own."""

    def __init__(self, processes: Processes, folder: Path, name: str) -> None:
        script = folder / name
        script.write_text(f"open('/proc/self/comm', 'w').write({name!r})\n{SPENDER}")
        self.process: Process = processes.start(sys.executable, script)
        self.port = int(self.process.wait_for(r"^(\d+)$")[1])

    @property
    def address(self) -> frozenset[tuple[str, int]]:
        return frozenset({("127.0.0.1", self.port)})


def test_each_is_told_from_the_others(processes: Processes, tmp_path: Path) -> None:
    broker, database, listener, tester, other = (
        Spender(processes, tmp_path, name) for name in ("contextBroker", "mongod", "receiver", "locust", "compiler")
    )
    peers = {DATABASE: database.address, LISTENER: listener.address}
    process_cpu = ProcessCpu()

    def look() -> dict[str, Any]:
        listening = [one for some in kernel_sockets() for one in some.listening()]
        process_cpu.samples = 0  # so that it looks, however idle the host is
        return process_cpu.look([broker.process.pid], listening, peers)

    first = look()
    assert first["host_cpus"] == psutil.cpu_count()
    assert [first[f"{who}_cpu_seconds"] for who in ("database", "listener", "tester")] == [0, 0, 0]
    assert "cpu_of_others" not in first, "since when?"
    for spender in (broker, database, listener, tester, other):
        os.kill(spender.process.pid, signal.SIGUSR1)
    for spender in (broker, database, listener, tester, other):
        spender.process.wait_for("spent")
    time.sleep(APART)
    then = look()
    for who in ("database", "listener", "tester"):
        assert then[f"{who}_cpu_seconds"] > 0.4
    assert process_cpu.spent["compiler"] > 0.4 * TICKS
    assert sum(then["cpu_of_others"].values()) > 0
    assert not {"contextBroker", "mongod", "receiver", "locust"} & set(then["cpu_of_others"])
    listener.process.stop()
    time.sleep(APART)
    assert look()["listener_cpu_seconds"] is None, "it is not there any more"


def test_a_quiet_host_is_looked_at_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([HostCpu(0, 0, 0), HostCpu(10, 20, 0), HostCpu(11, 22, 0), HostCpu(11, 22.4, 0.6)])
    monkeypatch.setattr(HostCpu, "read", lambda: next(readings))
    process_cpu, looked = ProcessCpu(), []
    for moment in (100.0, 101.0, 102.0, 103.0):
        monkeypatch.setattr(time, "monotonic", lambda moment=moment: moment)
        looked.append("tester_cpu_seconds" in process_cpu.look([], [], {}))
    assert looked == [True, False, False, True], "the first, and when half of the CPUs are taken, or stolen"


@pytest.mark.parametrize(
    ("words", "ports"),
    [
        ("contextBroker", {27017}),
        ("contextBroker -dbhost a:27018,b:27019", {27018, 27019}),
        ("contextBroker -dbURI mongodb://a:27018/?replicaSet=rs0", {27018}),
    ],
)
def test_ports_of_the_database(words: str, ports: set[int]) -> None:
    assert database_ports(words.split()) == ports
