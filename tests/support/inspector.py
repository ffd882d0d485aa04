"""The inspector for the tests: a running one, a process for it to inspect, and an example of its answers."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from scenario.peers.inspection import Inspection, Limit, ListenerPorts
from tests.support.processes import ROOT, Process, Processes

SCRIPT = ROOT / "setup_scripts" / "inspector"
LISTENER = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1]); time.sleep(600)"


class Target:
    """A stand-in for the broker with a name of its own, listening on a port."""

    def __init__(self, processes: Processes, folder: Path, name: str = f"brk{os.getpid()}") -> None:
        self.name = name
        python = folder / self.name
        if not python.exists():
            python.symlink_to(sys.executable)
        packages = {"PYTHONHOME": sys.base_prefix}
        self.process = processes.start(python, "-c", LISTENER, env=packages, name="broker")
        self.port = int(self.process.wait_for(r"^(\d+)$")[1])


@pytest.fixture
def target(processes: Processes, tmp_path: Path) -> Target:
    return Target(processes, tmp_path)


def start(processes: Processes, *options: str | Path, name: str = "contextBroker") -> tuple[Process, int]:
    """Start an inspector of the processes called `name`; return it and its port."""
    process = processes.start("python", SCRIPT, "--port", 0, "--process-name", name, *options)
    return process, int(process.wait_for(r"^connection inspector listening on \S+:(\d+)$")[1])


def inspection(**changed: Any) -> Inspection:
    """Return an inspector's answer about a healthy broker at rest, with changes."""
    healthy = Inspection(
        states={"LISTEN": 1, "ESTABLISHED": 12},
        to_listeners={},
        listener_ports=ListenerPorts(0, 0, 0),
        fds=60,
        free_below_1024=964,
        nofile=20000,
        threads=5010,
        threads_limits=(Limit("sysctl kernel.threads-max", 192_730, 5_200),),
        rss=50_000_000,
        pid=4711,
        name="contextBroker",
        command_line=("contextBroker", "-multiservice", "-notificationMode", "threadpool:60000:5000"),
        started=1_700_000_000.0,
        ephemeral_ports=(32768, 60999),
    )
    return msgspec.structs.replace(healthy, **changed)
