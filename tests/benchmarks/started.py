"""What tests.benchmarks.brokers starts: a broker by the command it is told, and a listener with many ports."""

from __future__ import annotations

import random
import shlex
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.support.processes import Processes
from tests.support.stack import LISTENING, free_port, start_mongo

READY = ("/q/health/ready", "/q/ready", "/version")
# Runs a command, and again whenever it ends while $0.again is there
KEPT = """
trap 'kill $child' TERM
while "$@" & child=$!; echo $child >"$0"; wait $child; [ -e "$0.again" ]; do rm "$0.again"; done
"""


@dataclass(frozen=True)
class Broker:
    """How one is started: its name, its process's name, its command."""

    name: str
    process: str
    command: str

    @classmethod
    def of(cls, text: str) -> Broker:
        name, _, command = text.partition("=")
        name, _, process = name.partition(":")
        return cls(name, process or name.lower(), command)

    @property
    def needs_mongo(self) -> bool:
        """Whether it is an Orion."""
        return "{mongo}" in self.command

    def start(self, processes: Processes) -> tuple[str, list[str]]:
        """Start it; return its URL, and the scenario's options for it. Raises AssertionError: it is not there."""
        port, more, words = free_port(), [], self.command
        if self.needs_mongo:
            mongo = start_mongo(processes)
            words, more = words.replace("{mongo}", mongo.rpartition(":")[2]), ["--mongo", mongo]
            more += ["--no-queue-size"] * ("transient" in words)  # then it has no queue
            time.sleep(1)
        command = shlex.split(words.replace("{port}", str(port)))
        started = processes.start("sh", "-c", KEPT, processes.folder / "broker.pid", *command, name=self.name)
        end = time.monotonic() + 90
        while time.monotonic() < end and started.popen.poll() is None:
            for path in READY:
                with suppress(requests.RequestException):
                    if requests.get(f"http://127.0.0.1:{port}{path}", timeout=2).status_code == 200:
                        return f"http://127.0.0.1:{port}", more
            time.sleep(0.5)
        raise AssertionError(f"did not start: {started.output[-300:]}")

    @staticmethod
    def restart_command(folder: Path) -> str:
        """Return the shell command that ends it and waits until it is gone. It is started again at once."""
        pid = folder / "broker.pid"
        return f"p=$(cat {pid}); touch {pid}.again; kill $p; while kill -0 $p 2>/dev/null; do sleep 0.2; done"


def start_listener(processes: Processes, ports: int, delay: str, deaf: int) -> int:
    """Start a listener at so many ports; return the first."""
    while True:
        first = random.randrange(12_000, 30_000)  # below those that clients take
        with suppress(AssertionError):
            processes.start(
                *("python", "-m", "listener", "-host", "127.0.0.1", "-port", f"{first}-{first + ports - 1}"),
                *("-delay", delay, "-deaf", deaf),
                name="listener",
            ).wait_for(LISTENING)
            return first
