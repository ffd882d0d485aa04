"""CPU of one sample of the inspector against psutil's, for the same process in the same run.

    python -m tests.benchmarks.inspector

Prints per number of connections the least of nine, in ms of CPU (user and system): psutil, the inspector at rest
(as in every second of a test), and the inspector's first sample, which reads all descriptors. At rest it should take
at most 0.15 of psutil's. Both ends of the connections are on this host: the kernel lists each twice. Last: what a look
at the CPU of all processes adds, in each tenth sample, and in each one while the host is busy.
"""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable

import psutil

from tests.support.processes import ROOT

sys.path.insert(0, str(ROOT / "setup_scripts"))  # from where it is copied
from inspector.broker import Broker
from inspector.cpu import ProcessCpu

HOLDER = """
import os, resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
listener = socket.create_server(("", 0), backlog=1024)
address = ("127.0.0.1", listener.getsockname()[1])
far, number = os.fork() != 0, int(sys.argv[1])
held = [listener.accept() if far else socket.create_connection(address) for _ in range(number)]
if not far:
    listener.close()
    print(os.getpid(), flush=True)
sys.stdin.read()
"""


def cpu(*actions: Callable[[], object]) -> list[float]:
    """Return of each action the least CPU of nine calls in ms, which take turns: what else runs only adds to it."""
    spent: list[list[float]] = [[] for _ in actions]
    for _ in range(9):
        for action, times in zip(actions, spent, strict=True):
            began = time.process_time()
            action()
            times.append((time.process_time() - began) * 1000)
    return [min(times) for times in spent]


def measure(number: int) -> None:
    """Print one line for a process with `number` connections."""
    command = [sys.executable, "-c", HOLDER, str(number)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        process = psutil.Process(int(holder.stdout.readline()))  # the child: the far end is to be none of its own
        broker = Broker(process, 1)
        listeners = frozenset({process.net_connections(kind="tcp")[0].raddr[:2]})
        seen = broker.sample(listeners)["states"]
        assert seen == broker.sample(listeners)["to_listeners"]
        assert seen == Counter(c.status for c in process.net_connections(kind="tcp"))
        slow, at_rest, first = cpu(
            lambda: process.net_connections(kind="tcp"),
            lambda: broker.sample(listeners),
            lambda: Broker(process, 1).sample(listeners),
        )
        print(
            f"{sum(seen.values()):6} connections: psutil {slow:6.1f} ms, at rest {at_rest:5.1f} ms"
            f" = {at_rest / slow:.3f}, first {first:6.1f} ms"
        )


def measure_processes() -> None:
    """Print what it takes to look at the CPU of all processes."""
    process_cpu = ProcessCpu()

    def look() -> None:
        process_cpu.samples, process_cpu.looked = 0, 0.0  # it would not look so often
        process_cpu.look([], [], {})

    print(f"CPU of {len(psutil.pids())} processes: {cpu(look)[0]:.1f} ms")


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    print(f"Python {sys.version.split()[0]}, psutil {psutil.__version__}, Linux, {socket.gethostname()}")
    for count in (5000, 15000):
        if count + 100 < most:
            measure(count)
        else:
            print(f"{count} connections need nofile {count + 100}, here {most}")
    measure_processes()
