"""What holding costs: our listener beside the original's way on Go's net/http, and 50,000 connections held at once.

    python -m tests.benchmarks.listener --peer slow_listener.go      (or SLOW_LISTENER_GO=slow_listener.go)
    python -m tests.benchmarks.listener --before FOLDER              (ours of another checkout of this repository)

Prints medians of 5 alternating rounds of 5,000 notifications, each on its own connection, and their ratios:
    bytes per held connection    growth of the resident memory while all are held
    CPU per 1,000 notifications  user and system time in seconds, from connection to close
    taking 5,000 connections     seconds from the first connect to the last accept
Without a peer, or without `go`, ours are printed alone. Exits with 1 when a bound (see BOUNDS) is broken.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.support.listener import Listener, close_all, notification, read_answer, start
from tests.support.processes import ROOT, Process, Processes

DELAY = 3  # seconds: all connections are to be there before the first answer
ROUNDS, NUMBER, MANY = 5, 5000, 50_000
HEALTHY = 100  # connections
BOUNDS = {"bytes per held connection": 1 / 20, "CPU per 1,000 notifications": 0.7, "taking 5,000 connections": 1.0}


class Sample(NamedTuple):
    """One round: bytes, seconds per 1,000 notifications, seconds."""

    size: float
    cpu: float
    taken: float


def measure(process: Process, port: int) -> Sample:
    """Let the listener at `port` hold NUMBER notifications until it answers, and stop it."""
    server = psutil.Process(process.pid)
    time.sleep(0.3)  # its start is not to be counted
    before, cpu, opened = server.memory_info().rss, cpu_seconds(process.pid), descriptors(process.pid)
    begun = time.monotonic()
    connections = [notify(port, subscription) for subscription in range(NUMBER)]
    while descriptors(process.pid) < opened + NUMBER:
        time.sleep(0.0005)
    taken = time.monotonic() - begun
    time.sleep(DELAY / 2)
    size = (server.memory_info().rss - before) / NUMBER
    for connection in connections:
        read_answer(connection)
    close_all(connections)
    time.sleep(0.5)
    cpu = cpu_seconds(process.pid) - cpu
    process.stop()
    return Sample(size, cpu / NUMBER * 1000, taken)


def notify(port: int, subscription: int, host: str = "127.0.0.1") -> socket.socket:
    """Return a connection that has sent a notification."""
    connection = socket.create_connection((host, port), timeout=60)
    connection.sendall(notification(subscription))
    return connection


def cpu_seconds(pid: int) -> float:
    """Return what all threads of a process have spent; times(2) counts in steps of 10 ms only."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text(encoding="ascii").split()[0]) for thread in threads) / 1e9


def descriptors(pid: int) -> int:
    """Return how many descriptors a process has open; Linux 6.2 and later tell without listing them."""
    folder = Path(f"/proc/{pid}/fd")
    return folder.stat().st_size or len(list(folder.iterdir()))


def build(source: str, folder: Path) -> Path | None:
    """Return the peer, compiled; None when there is nothing to compile or to compile it with."""
    if not (source and shutil.which("go")):
        return None
    subprocess.run(["go", "build", "-o", folder / "slow_listener", source], check=True)
    return folder / "slow_listener"


def start_peer(processes: Processes, program: Path) -> tuple[Process, int]:
    """Start the Go peer on a free port."""
    with socket.create_server(("", 0)) as free:
        port = free.getsockname()[1]
    process = processes.start(program, "-port", port, "-delay", f"{DELAY}s")
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return process, port
    raise AssertionError(f"{program} does not listen")


def start_ours(processes: Processes, checkout: Path = ROOT) -> tuple[Process, int]:
    """Start our listener on a free port."""
    listener = start(processes, "-delay", f"{DELAY}s", checkout=checkout)
    return listener.process, listener.ports[0]


def compare(starters: dict[str, Callable[[], tuple[Process, int]]]) -> bool:
    """Print the medians side by side; tell whether all bounds are kept."""
    samples: dict[str, list[Sample]] = {name: [] for name in starters}
    for _ in range(ROUNDS):
        for name, starter in starters.items():
            samples[name].append(measure(*starter()))
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in samples.items()
    }
    kept = True
    for row, (what, bound) in enumerate(BOUNDS.items()):
        ours = medians["ours"][row]
        line = f"{what:<28}  ours {ours:9.3f}"
        for name in list(medians)[1:]:
            line += f"  {name} {medians[name][row]:9.3f} ratio {ours / medians[name][row]:.3f}"
        if "peer" in medians:
            kept &= ours / medians["peer"][row] <= bound
            line += f" (bound {bound:.3f})"
        print(line, flush=True)
    return kept


def answer_at_once(listeners: dict[str, Listener]) -> None:
    """Print the CPU of a notification of a healthy subscriber, in us, of each listener in turn; who asks, asks too."""
    spent: dict[str, list[float]] = {name: [] for name in listeners}
    for _ in range(ROUNDS):
        for name, listener in listeners.items():
            before = cpu_seconds(listener.process.pid)
            peers = [listener.connect() for _ in range(HEALTHY)]
            for number in range(NUMBER // HEALTHY):
                for subscription, peer in enumerate(peers):
                    peer.sendall(notification(subscription, number, "/healthy"))
                for peer in peers:
                    peer.recv(1000)
                if number % 10 == 0:  # the arrivals of 100 ms at 10,000 per second
                    listener.get("/-/healthy?after=0" if name == "ours" else "/-/stats")
            close_all(peers)
            spent[name].append((cpu_seconds(listener.process.pid) - before) / NUMBER * 1e6)
    medians = {name: statistics.median(values) for name, values in spent.items()}
    line = "".join(f"  {name} {value:.1f} us" for name, value in medians.items())
    ratios = [f" ratio {medians['ours'] / value:.3f}" for value in list(medians.values())[1:]]
    print(f"a healthy notification{line}{''.join(ratios)}; 10,000 a second: {medians['ours']:.0f} % of a core")


def hold_many(processes: Processes) -> bool:
    """Hold MANY connections; print memory and how fast /-/stats answers; tell whether both are within bounds."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 1000
    number = math.ceil(MANY / limit)
    listener = start(processes, "-delay", "1h", "-processes", number)
    clients = [os.fork() or hold_some(listener, 2 + client, MANY // 4) for client in range(4)]
    begun = time.monotonic()
    listener.wait_until(timeout=120, held=MANY)
    took = time.monotonic() - begun
    latencies = [latency(listener) for _ in range(50)]
    resident = memory(listener)
    print(f"{MANY} held by {number} process(es), limit {limit + 1000} descriptors each, after {took:.1f} s:")
    print(
        f"  resident memory {resident:.1f} MB in total (bound 100), without holding {resting(number, processes):.1f} MB"
    )
    print(
        f"  /-/stats: median {statistics.median(latencies):.1f} ms, slowest of 50 {max(latencies):.1f} ms (bound 100)"
    )
    released = listener.release()
    answered = sum(os.waitpid(client, 0)[1] == 0 for client in clients) * (MANY // 4)
    print(f"  released {released}, answered {answered}")
    return resident < 100 and max(latencies) < 100 and released == answered == MANY


def hold_some(listener: Listener, address: int, number: int) -> int:
    """In a child process: hold `number` connections to 127.0.0.`address` until all are answered."""
    try:
        host, first = f"127.0.0.{address}", address * number
        connections = [notify(listener.ports[0], first + offset, host) for offset in range(number)]
        for connection in connections:
            connection.settimeout(300)
            read_answer(connection)
        os._exit(0)
    finally:
        os._exit(1)


def resting(number: int, processes: Processes) -> float:
    """Return the resident memory of `number` processes that hold nothing, in MB."""
    return memory(start(processes, "-processes", number))


def memory(listener: Listener) -> float:
    """Return the resident memory of all processes of a listener, in MB."""
    first = psutil.Process(listener.process.pid)
    family = [first, *first.children()]
    return sum(member.memory_info().rss for member in family) / 1e6


def latency(listener: Listener) -> float:
    """Return the milliseconds that /-/stats takes on a new connection."""
    time.sleep(0.02)
    begun = time.monotonic()
    listener.stats()
    return (time.monotonic() - begun) * 1000


def main() -> int:
    """Measure, print, return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", default=os.environ.get("SLOW_LISTENER_GO", ""), help="Go source of the peer")
    parser.add_argument("--before", type=Path, help="another checkout of this repository")
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder:
        processes = Processes(Path(folder))
        try:
            starters = {"ours": lambda: start_ours(processes)}
            program = build(arguments.peer, Path(folder))
            if arguments.before:
                starters["before"] = lambda: start_ours(processes, arguments.before)
            if program:
                starters["peer"] = lambda: start_peer(processes, program)
            healthy = {"ours": start(processes)}
            if arguments.before:
                healthy["before"] = start(processes, checkout=arguments.before)
            answer_at_once(healthy)
            kept = [compare(starters), hold_many(processes)]
        finally:
            processes.close()
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
