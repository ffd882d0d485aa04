"""The inspector before a broker of several processes: who is the broker, and what is the whole's."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psutil
import pytest

from tests.support.processes import ROOT, Process, Processes
from tests.support.rehearsal import eventually

sys.path.insert(0, str(ROOT / "setup_scripts"))  # from where it is copied
from inspector.answer import inspect
from inspector.broker import Broker
from inspector.finding import find_broker

# Listens, under a name of its own; at SIGUSR1 it forks a child that inherits the listening socket and connects as often
# as it is told or has descriptors for; at SIGUSR2 it kills the child
FORKING = """
import os, resource, signal, socket, sys, time
name, port, times, nofile = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
open("/proc/self/comm", "w").write(name)
resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))
server, held, children = socket.create_server(("127.0.0.1", 0)), [], []
def hold():
    try:
        while len(held) < times:
            held.append(socket.create_connection(("127.0.0.1", port)))
    except OSError:
        pass
def fork(*_):
    children.append(os.fork())
    if not children[-1]:
        hold()
        while True: time.sleep(60)
def end(*_):
    os.kill(children[-1], signal.SIGKILL)
signal.signal(signal.SIGUSR1, fork)
signal.signal(signal.SIGUSR2, end)
held.append(socket.create_connection(("127.0.0.1", port)))
print(server.getsockname()[1], flush=True)
while True: time.sleep(60)
"""


class Forking:
    """A broker that forks, and the receiver of its connections."""

    def __init__(self, processes: Processes, receiver: int, times: int = 9, nofile: int = 64) -> None:
        self.name = f"fork{uuid.uuid4().hex[:8]}"
        self.process: Process = processes.start("python", "-c", FORKING, self.name, receiver, times, nofile)
        self.port = int(self.process.wait_for(r"^(\d+)$")[1])
        self.listener = f"127.0.0.1:{receiver}"

    def fork(self, number: int = signal.SIGUSR1) -> None:
        os.kill(self.process.pid, number)

    def inspect(self) -> dict[str, Any]:
        seen: dict[str, Any] = json.loads(inspect(self.port, (self.listener,), process_name=self.name))
        return seen

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()


@pytest.fixture
def start(processes: Processes) -> Iterator[Callable[..., Forking]]:
    with ExitStack() as opened:

        def starting(**options: int) -> Forking:
            receiver = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1024))
            return Forking(processes, receiver.getsockname()[1], **options)

        yield starting


def held(seen: dict[str, Any]) -> object:
    return seen["to_listeners"].get("ESTABLISHED")


@pytest.mark.parametrize("by_kernel", [True, False], ids=["kernel", "psutil"])
def test_a_child_that_comes_and_goes_is_counted(start: Callable[..., Forking], by_kernel: bool) -> None:
    forking = start()
    host, _, port = forking.listener.partition(":")
    listeners = frozenset({(host, int(port))})
    broker = find_broker(forking.name, forking.port)
    broker.by_kernel = by_kernel
    alone = broker.sample(listeners)
    assert held(alone) == 1
    forking.fork()
    eventually(lambda: held(broker.sample(listeners)) == 9)  # its own one, which both share, and 8 more
    both = broker.sample(listeners)
    assert both["listener_ports"]["count"] == 9
    assert both["states"] == {"LISTEN": 1, "ESTABLISHED": 9}
    everyone = [psutil.Process(forking.process.pid), *forking.children()]
    assert both["fds"] == sum(process.num_fds() for process in everyone) == 2 * alone["fds"] + 8
    assert both["threads"] == 2
    assert both["nofile"] == 128
    assert both["rss"] > 1.2 * alone["rss"]
    assert (both["pid"], both["started"]) == (alone["pid"], alone["started"])
    forking.fork(signal.SIGUSR2)  # now a zombie, for its parent does not ask
    eventually(lambda: forking.children()[0].status() == psutil.STATUS_ZOMBIE)
    after = broker.sample(listeners)
    for what in ("states", "to_listeners", "listener_ports", "fds", "free_below_1024", "nofile", "threads", "pid"):
        assert after[what] == alone[what]
    assert after["cpu_seconds"] >= both["cpu_seconds"]


def test_the_parent_is_the_broker(start: Callable[..., Forking]) -> None:
    forking = start()
    for _ in range(3):  # they inherit the listening socket, and the name
        before = len(forking.children())
        forking.fork()
        eventually(lambda: len(forking.children()) > before)  # noqa: B023
    eventually(lambda: held(forking.inspect()) == 25)
    assert forking.inspect()["pid"] == forking.process.pid
    elsewhere = json.loads(inspect(1, process_name=forking.name))  # behind a proxy it listens on another port
    assert elsewhere["pid"] == forking.process.pid


def test_one_of_them_without_descriptors_left_is_told(start: Callable[..., Forking]) -> None:
    forking = start(times=1000)
    before = forking.inspect()
    assert before["fds"] < before["nofile"] == 64
    forking.fork()
    eventually(lambda: [child.num_fds() for child in forking.children()] == [64])
    full = forking.inspect()
    assert full["fds"] == full["nofile"] == before["fds"] + 64


def test_a_child_of_another_thread_is_found_within_30_samples(processes: Processes) -> None:
    code = (
        "import subprocess, threading, time; start = lambda: (time.sleep(1), subprocess.Popen(['sleep', '600']), "
        "print('forked', flush=True), time.sleep(600)); threading.Thread(target=start).start(); print('ready')"
    )
    process = processes.start("python", "-c", code)
    process.wait_for("ready")
    broker = Broker(psutil.Process(process.pid), 1)
    assert len(_family(broker)) == 1
    process.wait_for("forked")
    assert len(_family(broker)) == 1
    assert len([_family(broker) for _ in range(Broker.READ_AGAIN)][-1]) == 2


def _family(broker: Broker) -> list[psutil.Process]:
    broker.sample(frozenset())
    return list(broker.family)
