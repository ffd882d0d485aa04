"""What rehearse.sh does to the parts from outside: signals in mid-run, and a network that resets or drops."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time

import psutil
import pytest

from tests.support.listener import NOTIFICATION, Listener, start
from tests.support.processes import Process, Processes
from tests.support.rehearsal import eventually

pytestmark = pytest.mark.timeout(30)


def send_signals(processes: Processes, listener: Listener, *steps: str) -> Process:
    return processes.start(
        "python", "-m", "rehearsal.signals", f"http://127.0.0.1:{listener.ports[0]}", *steps, name="signals"
    )


def relay(processes: Processes, *words: object) -> tuple[Process, int]:
    process = processes.start("python", "-m", "rehearsal.relay", *map(str, words))
    return process, int(process.wait_for(r"^relay listening on 127.0.0.1:(\d+)$")[1])


def begin(process: Process, number: int = signal.SIGUSR1) -> None:
    """Let its fault begin, or end; return when it did."""
    said = process.output
    os.kill(process.pid, number)
    eventually(lambda: process.output != said)


def test_signals_come_after_the_first_notification(processes: Processes) -> None:
    listener = start(processes, "-delay", "1m")
    victim = processes.start("sleep", "60")
    process = psutil.Process(victim.pid)
    signals = send_signals(processes, listener, f"1:STOP:{victim.pid}", f"2:CONT:{victim.pid}", f"3:KILL:{victim.pid}")
    time.sleep(1.5)
    assert process.status() == psutil.STATUS_SLEEPING
    (held,) = listener.hold(1)
    eventually(lambda: process.status() == psutil.STATUS_STOPPED, timeout=2)
    eventually(lambda: process.status() == psutil.STATUS_SLEEPING, timeout=2)
    assert victim.wait(2) == -9
    assert signals.wait(2) == 0
    held.close()


def test_what_was_stopped_goes_on_when_the_rehearsal_ends(processes: Processes) -> None:
    listener = start(processes, "-delay", "1m")
    victim = processes.start("sleep", "60")
    process = psutil.Process(victim.pid)
    signals = send_signals(processes, listener, f"0:STOP:{victim.pid}", f"60:CONT:{victim.pid}")
    (held,) = listener.hold(1)
    eventually(lambda: process.status() == psutil.STATUS_STOPPED)
    assert signals.stop() == 0
    eventually(lambda: process.status() == psutil.STATUS_SLEEPING)
    held.close()


def test_a_network_that_resets(processes: Processes) -> None:
    listener = start(processes, "-delay", "1m")
    network, port = relay(processes, listener.ports[0], "reset")
    connections = [listener.connect(NOTIFICATION, port=port) for _ in range(20)]
    listener.wait_until(held=20)
    begin(network)
    for connection in connections:
        connection.settimeout(3)
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
        connection.close()
    listener.wait_until(held=0, abandoned=20)
    with listener.connect(NOTIFICATION, port=port):
        listener.wait_until(held=1)


def test_a_network_that_is_out_for_a_while(processes: Processes) -> None:
    listener = start(processes, "-delay", "1m")
    network, port = relay(processes, listener.ports[0], "outage")
    with listener.connect(NOTIFICATION, port=port) as held:
        listener.wait_until(held=1)
        begin(network)
        with pytest.raises(ConnectionResetError):
            held.recv(1)
    with pytest.raises(ConnectionResetError), listener.connect(NOTIFICATION, port=port) as refused:
        refused.recv(1)
    begin(network, signal.SIGUSR2)
    with listener.connect(NOTIFICATION, port=port):
        listener.wait_until(held=1)


def test_a_network_that_drops(processes: Processes) -> None:
    listener = start(processes, "-delay", "2s", "-timeout", "1s")
    network, port = relay(processes, listener.ports[0], "drop")
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(listener.connect(NOTIFICATION, port=port)) for _ in range(20)]
        listener.wait_until(held=20)
        begin(network)
        time.sleep(3.5)  # the listener has answered, and closed
        listener.wait_until(held=0)
        for connection in connections:
            connection.setblocking(False)
            with pytest.raises(BlockingIOError):
                connection.recv(1)


def test_a_network_that_takes_no_new_connections(processes: Processes) -> None:
    listener = start(processes, "-delay", "1s")
    network, port = relay(processes, listener.ports[0], "deaf")
    with listener.connect(NOTIFICATION, port=port) as connection:
        listener.wait_until(held=1)
        begin(network)
        assert not connects(port)
        assert connection.recv(15) == b"HTTP/1.1 200 OK", "what is open goes on"
        begin(network, signal.SIGUSR2)
        assert connects(port)


def test_a_network_that_takes_no_connections_from_an_address(processes: Processes) -> None:
    listener = start(processes, "-delay", "0s")
    _, port = relay(processes, listener.ports[0], "deaf", "--from", "127.0.0.2")
    assert connects(port)
    assert not connects(port, "127.0.0.2")


def connects(port: int, source: str = "127.0.0.1") -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.3, (source, 0)).close()
    except TimeoutError:
        return False
    return True


def test_a_network_with_two_ways(processes: Processes) -> None:
    listeners = [start(processes, "-delay", "1m") for _ in range(2)]
    _, port = relay(processes, ",".join(str(listener.ports[0]) for listener in listeners))
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(listeners[0].connect(NOTIFICATION, port=port))
        for listener in listeners:
            listener.wait_until(held=3)


def test_a_network_that_is_well_until_then(processes: Processes) -> None:
    listener = start(processes, "-delay", "0s")
    _, port = relay(processes, listener.ports[0], "reset")
    with listener.connect(NOTIFICATION, port=port) as connection:
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET /-/stats HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert b'"received"' in connection.makefile("rb").read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_burners_end_with_their_parent(processes: Processes, number: signal.Signals) -> None:
    burners = processes.start("python", "-m", "rehearsal.burners", "2")
    parent = psutil.Process(burners.pid)
    burners.wait_for("burners ready")
    os.kill(burners.pid, signal.SIGUSR1)
    eventually(lambda: len(parent.children()) == 2)
    burning = parent.children()
    os.kill(burners.pid, number)
    eventually(lambda: not any(map(psutil.Process.is_running, burning)))
