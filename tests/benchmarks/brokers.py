"""python -m tests.benchmarks.brokers NAME[:PROCESS]=COMMAND ...: which broker survives whose receivers.

COMMAND starts a broker in the foreground; {port} is its port, {mongo} that of a MongoDB (SecantusDB), started for it:

    python -m tests.benchmarks.brokers 'Scorpio:java=scorpio.sh {port}' 'Orion:contextBroker=orion.sh {port} {mongo}'

Each broker is started anew for each kind of receiver. Prints a Markdown table, a row for each run as it ends; a broker
that does not start has none. A run takes somewhat more than a minute.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from tests.support.processes import Processes
from tests.support.stack import LISTENING, free_port

SUBSCRIPTIONS, SECONDS, DELAY = 40, 45, 20
# name: what the listener's options are, and where the slow subscriptions lead
RECEIVERS = {
    "healthy": ("0", "{first}/notify"),
    f"slow, {DELAY} s": (f"{DELAY}s", "{first}/notify"),
    "never": ("0", "{first}/notify/never"),
    "deaf": ("0", "{deaf}/notify"),
    "refused": ("0", "{refused}/notify"),
    "500": ("0", "{first}/notify/500"),
    "closes": ("0", "{first}/notify/close"),
}
READY = ("/q/health/ready", "/q/ready", "/version")
HEADER = (
    "broker", "receivers", "healthy, another entity", "healthy, same update", "slowest client", "arrived", "twice",
    "held at most", "descriptors", "threads", "MB", "verdict", "cause",
)  # fmt: skip


@dataclass(frozen=True)
class Broker:
    """A broker: its name, the name of its process, and the command that starts it."""

    name: str
    process: str
    command: str

    @classmethod
    def of(cls, text: str) -> Broker:
        name, _, command = text.partition("=")
        name, _, process = name.partition(":")
        return cls(name, process or name.lower(), command)

    def start(self, processes: Processes) -> tuple[str, list[str]]:
        """Start it; return its URL, and the scenario's options for it. Raises AssertionError: it is not there."""
        port, more, words = free_port(), [], self.command
        if "{mongo}" in words:
            database = processes.start(
                Path(sys.executable).with_name("secantusd-py"),
                "--standalone",
                "--storage-path",
                ":memory:",
                "--port",
                0,
            )
            mongo = database.wait_for(LISTENING)[1]
            words, more = words.replace("{mongo}", mongo), ["--mongo", f"127.0.0.1:{mongo}"]
            time.sleep(1)
        started = processes.start(*shlex.split(words.replace("{port}", str(port))), name=self.name)
        end = time.monotonic() + 90
        while time.monotonic() < end and started.popen.poll() is None:
            for path in READY:
                with suppress(requests.RequestException):
                    if requests.get(f"http://127.0.0.1:{port}{path}", timeout=2).status_code == 200:
                        return f"http://127.0.0.1:{port}", more
            time.sleep(0.5)
        raise AssertionError(f"{self.name} did not start: {started.output[-300:]}")


def main() -> None:
    """Run all of them, one after the other."""
    load = ", ".join(f"{each:.0f}" for each in os.getloadavg())
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} CPUs, load {load};", end=" ")
    print(f"{SUBSCRIPTIONS} subscriptions, {SECONDS} s after the update\n")
    print(f"| {' | '.join(HEADER)} |\n|{' --- |' * len(HEADER)}", flush=True)
    for broker in map(Broker.of, sys.argv[1:]):
        for receivers in RECEIVERS:
            with tempfile.TemporaryDirectory(prefix="brokers-") as folder:
                processes = Processes(Path(folder))
                try:
                    row = run(broker, receivers, processes, Path(folder))
                except AssertionError as error:
                    print(error, file=sys.stderr)
                else:
                    print(f"| {' | '.join([broker.name, receivers, *row])} |", flush=True)
                finally:
                    with suppress(AssertionError):
                        processes.close()


def run(broker: Broker, receivers: str, processes: Processes, folder: Path) -> list[str]:
    """Run the scenario once; return the cells of its row, after broker and receivers."""
    url, more = broker.start(processes)
    delay, slow = RECEIVERS[receivers]
    first, deaf = free_port(), free_port()
    while True:
        with suppress(AssertionError):
            processes.start(
                *("python", "-m", "listener", "-host", "127.0.0.1", "-port", f"{first}-{first + 1}"),
                *("-delay", delay, "-deaf", deaf),
                name="listener",
            ).wait_for(LISTENING)
            break
        first = free_port()
    inspector = processes.start(
        *("python", "setup_scripts/inspector", "--process-name", broker.process, "--port", 0), name="inspector"
    ).wait_for(LISTENING)[1]
    at = {"first": first, "deaf": deaf, "refused": free_port()}
    to = slow.format(**{name: f"http://127.0.0.1:{port}" for name, port in at.items()})
    if more:  # an Orion's healthy subscribers are at the first address
        urls = [to] if str(first) in to else [f"http://127.0.0.1:{first}/notify/500", to]
    else:
        urls = [to, f"http://127.0.0.1:{first + 1}/notify"]
    options: list[str | int | Path] = ["--headless", "--only-summary", "--force", "--host", url, *more]
    options += ["--inspector", f"127.0.0.1:{inspector}", "--notify-url", ",".join(urls)]
    options += ["--subscriptions", SUBSCRIPTIONS, "--duration", f"{SECONDS}s", "--csv", folder / "run"]
    options += ["--json", folder / "result.json", "--report-log", folder / "log"]
    locust = processes.start(Path(sys.executable).with_name("locust"), *options)
    locust.wait(300)
    return cells(folder)


def cells(folder: Path) -> list[str]:
    """Return these cells from a run's files."""
    result = json.loads((folder / "result.json").read_text("utf-8"))
    figures, records = result["figures"], [json.loads(line) for line in (folder / "run_run.jsonl").open("rb")]
    healthy = list(_samples(records, "HealthySample"))
    listeners = [each for each in _samples(records, "ListenerSample") if each.get("update")]
    same = [each["same_slowest"] for each in healthy if each.get("same_slowest") is not None]
    arrived = max((each.get("same_arrived") or 0 for each in healthy), default=0)
    clients = [figures.get(f"{client}_max") for client in ("version", "update", "query")]
    nok = sum(figures.get(f"{client}_nok") or 0 for client in ("version", "update", "query"))
    slowest = _ms(max((each for each in clients if each is not None), default=None))
    apart = any(each.get("same_arrived") is not None for each in healthy)
    of_same = _ms(max(same, default=None)) + (f" ({arrived} of 10)" if arrived < 10 else "") if apart else "not apart"
    last = listeners[-1] if listeners else {}
    return [
        _ms(figures.get("healthy_max")),
        of_same,
        slowest + (f", {nok:g} NOK" if nok else ""),
        f"{last.get('notified', 0)} of {SUBSCRIPTIONS}",
        str(last.get("doubled", 0)),
        _number(figures.get("listener_held")),
        *(_number(figures.get(name)) for name in ("fds", "threads", "rss")),
        result["verdict"],
        ", ".join(cause["name"] for cause in result["causes"]) or "-",
    ]


def _samples(records: list[dict[str, Any]], kind: str) -> Iterator[dict[str, Any]]:
    yield from (line for line in records if line["kind"] == kind)


def _ms(value: object) -> str:
    if not isinstance(value, int | float):
        return "-"
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"


def _number(value: object) -> str:
    return f"{value:.0f}" if isinstance(value, int | float) else "-"


if __name__ == "__main__":
    main()
