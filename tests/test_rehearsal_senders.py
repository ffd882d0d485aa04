"""The rehearsal broker's sender processes: who holds the connections, what is counted, and how all of them end."""

from __future__ import annotations

import signal

import psutil
import pytest

from tests.support.processes import Processes
from tests.support.rehearsal import POOL, QUEUE, Broker, Listener, eventually, of_queue

pytestmark = pytest.mark.timeout(30)


def start(processes: Processes, mongo: str, number: int) -> tuple[Broker, list[psutil.Process]]:
    broker = Broker(processes, mongo, *QUEUE, "threadpool:5:7", "--old-libcurl", "--sender-processes", number)
    return broker, psutil.Process(broker.process.pid).children()


def established(process: psutil.Process) -> int:
    return sum(found.status == psutil.CONN_ESTABLISHED for found in process.net_connections("tcp"))


def test_the_children_hold_what_the_parent_counts(processes: Processes, mongo: str, listener: Listener) -> None:
    broker, children = start(processes, mongo, 3)
    assert [child.name() for child in children] == [broker.service] * 3
    before = [child.num_fds() for child in children]
    broker.subscribe(listener.url, times=14)
    broker.update(1)
    eventually(lambda: [established(child) for child in children] == [3, 2, 2])
    assert [child.num_fds() for child in children] == [fds + n for fds, n in zip(before, (3, 2, 2), strict=True)]
    broker.wait_for_connections(POOL)
    assert of_queue(broker, "in", "out", "reject", "sentOk", "sentError") == (12, 7, 2, 0, 0)
    listener.release()
    eventually(lambda: of_queue(broker, "out", "sentOk", "sentError") == (12, 12, 0))
    assert len(listener.requests) == 12


def test_failures_are_counted(processes: Processes, mongo: str) -> None:
    broker, _ = start(processes, mongo, 2)
    broker.subscribe("http://127.0.0.1:9/notify", times=5)
    broker.update(1)
    eventually(lambda: of_queue(broker, "in", "sentOk", "sentError") == (5, 0, 5))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_children_end_with_the_parent(
    processes: Processes, mongo: str, listener: Listener, number: signal.Signals
) -> None:
    broker, children = start(processes, mongo, 2)
    broker.subscribe(listener.url, times=7)
    broker.update(1)
    eventually(lambda: sum(map(established, children)) == 7)
    assert broker.process.stop(number) == (-number if number == signal.SIGKILL else 0)
    assert not psutil.wait_procs(children, timeout=3)[1]


def test_the_parent_ends_with_a_child(processes: Processes, mongo: str) -> None:
    broker, children = start(processes, mongo, 2)
    children[0].terminate()
    assert broker.process.wait(5) == 1
    assert "a sender process has ended" in broker.process.output
    assert not psutil.wait_procs(children, timeout=3)[1]


def test_other_modes_are_refused(processes: Processes) -> None:
    process = processes.start("python", "-m", "rehearsal", "--sender-processes", 2)
    process.wait_for("--sender-processes: needs -notificationMode threadpool")
    assert process.wait(5) == 2
