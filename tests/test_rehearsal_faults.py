"""What the rehearsal broker does above its limits, and the faults it can be given, with true clients and threads."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.limits import control_group
from tests.support.processes import Processes
from tests.support.rehearsal import POOL, QUEUE, Broker, Listener, eventually, of_queue

pytestmark = pytest.mark.timeout(30)


@contextlib.contextmanager
def idle(broker: Broker, number: int) -> Iterator[list[socket.socket]]:
    """Open idle connections; some may be closed by the broker."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection(("127.0.0.1", broker.port))) for _ in range(number)]


def open_ones(connections: list[socket.socket]) -> int:
    """Count those that nobody has closed."""
    time.sleep(0.3)
    found = 0
    for connection in connections:
        connection.setblocking(False)
        with contextlib.suppress(ConnectionError):
            try:
                connection.recv(1)
            except BlockingIOError:
                found += 1
    return found


def answers(broker: Broker) -> bool:
    with contextlib.suppress(ConnectionError, TimeoutError):
        return broker.ask("GET /version", timeout=1).status == 200
    return False


def test_clients_above_the_limit_are_closed_at_once(processes: Processes, mongo: str) -> None:
    broker = Broker(processes, mongo, "-maxConnections", 30)
    with idle(broker, 50) as connections:
        assert open_ones(connections) == 30
        begin = time.monotonic()
        with pytest.raises(ConnectionError):
            broker.ask("GET /version")
        assert time.monotonic() - begin < 1
        connections[0].setblocking(True)
        connections[0].sendall(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connections[0].recv(15) == b"HTTP/1.1 200 OK"
    eventually(lambda: answers(broker))


def test_with_a_request_pool_they_wait_in_the_listen_queue(processes: Processes, mongo: str) -> None:
    broker = Broker(processes, mongo, "-maxConnections", 30, "-reqPoolSize", 4)
    with idle(broker, 50) as connections:
        assert open_ones(connections) == 50
        broker.wait_for_connections(POOL + 30)
        with pytest.raises(TimeoutError):
            broker.ask("GET /version", timeout=0.5)
        with contextlib.closing(connections.pop(0)):
            pass
    eventually(lambda: answers(broker))


def test_a_thread_per_worker_and_per_client(processes: Processes, mongo: str, listener: Listener) -> None:
    broker = Broker(processes, mongo, *QUEUE, "threadpool:60:20")
    process = psutil.Process(broker.process.pid)
    rest = process.num_threads()
    assert 20 < rest < 40
    with idle(broker, 10):
        eventually(lambda: process.num_threads() == rest + 10)
    eventually(lambda: process.num_threads() == rest)
    other = Broker(processes, mongo, *QUEUE, "transient")
    process = psutil.Process(other.process.pid)
    rest = process.num_threads()
    other.subscribe(listener.url, 20)
    other.update(1)
    eventually(lambda: process.num_threads() == rest + 20)
    listener.release()
    eventually(lambda: process.num_threads() == rest)


def test_a_control_group_without_threads_for_more_clients(processes: Processes, mongo: str) -> None:
    with control_group("max") as inside:
        broker = Broker(processes, mongo, *QUEUE, "threadpool:60:20", before=inside)
        limit = psutil.Process(broker.process.pid).num_threads() + 7
        (Path(inside[-1]) / "pids.max").write_text(str(limit))
        with idle(broker, 15) as connections:
            assert open_ones(connections) == 7
            assert not answers(broker)
            assert psutil.Process(broker.process.pid).num_threads() == limit
        eventually(lambda: answers(broker))
        broker.process.stop()


def test_a_control_group_without_threads_for_transient_notifications(
    processes: Processes, mongo: str, listener: Listener
) -> None:
    with control_group("max") as inside:
        broker = Broker(processes, mongo, "-multiservice", before=inside)
        (Path(inside[-1]) / "pids.max").write_text(str(psutil.Process(broker.process.pid).num_threads() + 11))
        broker.subscribe(listener.url, 30)
        broker.update(1)
        eventually(lambda: len(listener.requests) == 10)  # the update's own connection has the eleventh
        time.sleep(0.3)
        assert len(listener.requests) == 10
        broker.process.stop()


def test_a_control_group_without_threads_for_the_workers(processes: Processes, mongo: str) -> None:
    with control_group("30") as inside:
        command = ("python", "-m", "rehearsal", "-port", 0, "-dbhost", mongo)
        broker = processes.start(*inside, *command, "-notificationMode", "threadpool:60:50")
        assert broker.wait(10) == 1
    assert "starting notification queue workers" in broker.output
    assert "Traceback" not in broker.output


def test_a_service_with_a_pool_of_its_own(processes: Processes, mongo: str, listener: Listener) -> None:
    name = "own_pool"
    broker = Broker(processes, mongo, *QUEUE, f"threadpool:60:40,{name}:9:3")
    broker.subscribe(listener.url, 20)
    broker.update(1)
    eventually(lambda: len(listener.requests) == 20)
    broker.headers["Fiware-Service"] = name
    broker.subscribe(listener.url, 20)
    broker.update(1)
    eventually(lambda: of_queue(broker, "in", "out", "reject") == (32, 23, 8))
    assert len(listener.requests) == 23


def test_the_healthy_wait_behind_the_slow(processes: Processes, mongo: str, listener: Listener) -> None:
    with Listener().running() as healthy:
        healthy.release()
        for spare, expected in ((3, 1), (0, 0)):
            broker = Broker(processes, mongo, *QUEUE, f"threadpool:60:{20 + spare}")
            broker.subscribe(listener.url, 20)
            broker.update(1)
            broker.headers["Fiware-ServicePath"] = "/own"
            broker.subscribe(healthy.url)
            broker.update(1)
            time.sleep(0.5)
            assert len(healthy.requests) == 1
            assert of_queue(broker, "in", "out") == (21, 20 + expected)
            assert answers(broker)
        listener.release()
        eventually(lambda: len(healthy.requests) == 2)


def test_a_broker_that_no_longer_accepts(processes: Processes, mongo: str, listener: Listener) -> None:
    broker = Broker(processes, mongo, *QUEUE, "threadpool:60:20", "--deaf", "--backlog", 2)
    broker.subscribe(listener.url, 10)
    with socket.create_connection(("127.0.0.1", broker.port)) as early:
        broker.update(1)
        eventually(lambda: len(listener.requests) == 10)
        with idle(broker, 3):  # one more than the backlog, as Linux has it
            with pytest.raises(TimeoutError), socket.create_connection(("127.0.0.1", broker.port), timeout=0.5):
                pass
            early.sendall(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
            assert early.recv(15) == b"HTTP/1.1 200 OK"


@pytest.mark.slow
@pytest.mark.timeout(120)  # two spells of a processor's time come before each answer
def test_a_broker_that_burns_its_cpu(processes: Processes, mongo: str) -> None:
    broker = Broker(processes, mongo, *QUEUE, "threadpool:60:20", "--burn")
    broker.subscribe("http://localhost:9/notify", 4)
    broker.headers["Fiware-ServicePath"] = "/own"
    broker.subscribe("http://localhost:9/notify")
    broker.update(1)  # one of five is not the trigger
    assert all(answers(broker) for _ in range(5))
    broker.headers["Fiware-ServicePath"] = "/test"
    broker.update(1)
    process = psutil.Process(broker.process.pid)
    before, times = sum(process.cpu_times()[:2]), []
    for _ in range(5):
        time.sleep(0.3)
        asked = time.monotonic()
        assert broker.ask("GET /version", timeout=30).status == 200
        times.append(time.monotonic() - asked)
    assert max(times) > 0.7
    assert sum(process.cpu_times()[:2]) - before > 1.5


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["-notificationMode", "threadpool:9:9,svc:9"], "'threadpool:9:9,svc:9' is not transient, persistent or"),
        (["-notificationMode", "threadpool:9:9,svc:0:9"], "is not transient, persistent or"),
    ],
)
def test_wrong_options_are_named(processes: Processes, options: list[str], complaint: str) -> None:
    process = processes.start("python", "-m", "rehearsal", *options)
    assert process.wait(10) == 2
    assert complaint in process.output
