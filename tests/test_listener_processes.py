"""The listener and its system: descriptors, backlog, several ports and processes, signals."""

from __future__ import annotations

import os
import random
import select
import signal
import socket
import time
from pathlib import Path

import psutil
import pytest

from tests.support.listener import NOTIFICATION, Listener, close_all, read_answer, start
from tests.support.processes import Processes


def free_ports(number: int) -> str:
    """Return a range of `number` ports that were free a moment ago."""
    for first in random.sample(range(20000, 32000, number), 100):
        opened = []
        try:
            for port in range(first, first + number):
                opened.append(socket.create_server(("", port)))
        except OSError:
            continue
        finally:
            close_all(opened)
        return f"{first}-{first + number - 1}"
    return pytest.fail("no free ports")


def cpu(listener: Listener) -> float:
    return sum(psutil.Process(listener.process.pid).cpu_times()[:2])


def gone(pids: list[int], timeout: float) -> bool:
    """Whether all of these processes end within `timeout` s."""
    end = time.monotonic() + timeout
    while (left := [pid for pid in pids if runs(pid)]) and time.monotonic() < end:
        time.sleep(0.01)
    return not left


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def children(listener: Listener) -> list[int]:
    return [child.pid for child in psutil.Process(listener.process.pid).children()]


def test_several_ports(processes: Processes) -> None:
    listener = start(processes, "-delay", "1m", port=free_ports(4))
    assert len(set(listener.ports)) == 4
    peers = [listener.connect(NOTIFICATION, port=port) for port in listener.ports]
    listener.wait_until(held=4)
    assert listener.release() == 4
    for peer in peers:
        read_answer(peer)
    close_all(peers)


def test_out_of_descriptors_it_pauses_and_loses_nothing(processes: Processes) -> None:
    ports = free_ports(2)
    listener = start(processes, "-delay", "1m", port=ports, limit="40:40")
    token = listener.token()
    with listener.connect() as admin:
        peers = [listener.connect(NOTIFICATION, port=port) for _ in range(40) for port in listener.ports]
        listener.process.wait_for("^accept: too many open files; retrying in 1s$", timeout=3)
        before = cpu(listener)
        time.sleep(2.5)
        assert cpu(listener) - before < 0.3
        assert 3 <= listener.process.output.count("accept: too many open files") <= 4

        while peers:  # each round makes room for the next
            admin.sendall(f"POST /-/release HTTP/1.1\r\nHost: localhost\r\n{token}\r\n\r\n".encode())
            assert b"released" in admin.recv(1000)
            for peer in select.select(peers, [], [], 0.1)[0]:
                read_answer(peer)
                peer.close()
                peers.remove(peer)
    stats = listener.wait_until(held=0, received=80)
    assert stats["out_of_descriptors"] >= 3
    assert stats["rejected"] == 0


def test_the_backlog_is_as_large_as_the_system_allows(processes: Processes) -> None:
    wanted = min(int(Path("/proc/sys/net/core/somaxconn").read_text()), 3000)
    listener = start(processes)
    os.kill(listener.process.pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        peers = [listener.connect(NOTIFICATION) for _ in range(wanted)]
        assert time.monotonic() - begun < 5
    finally:
        os.kill(listener.process.pid, signal.SIGCONT)
    for peer in peers:
        read_answer(peer)
    close_all(peers)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("wanted", [1, 3])
def test_signals_end_it_at_once(processes: Processes, number: signal.Signals, wanted: int) -> None:
    listener = start(processes, "-delay", "1m", "-stats", "1h", "-processes", wanted)
    peers = listener.hold(300)
    listener.release()
    for peer in peers:
        read_answer(peer)
    others = children(listener)
    assert len(others) == wanted - 1
    begun = time.monotonic()
    assert listener.process.stop(number) == 0
    assert time.monotonic() - begun < 1
    assert gone(others, 0)
    assert listener.process.output.endswith("\nReceived  300 Rate 0.08333333333333333 r/s\n")
    close_all(peers)


def test_a_signal_to_the_whole_group_ends_it_as_well(processes: Processes) -> None:
    listener = start(processes, "-processes", 3)
    for pid in [*children(listener), listener.process.pid]:
        os.kill(pid, signal.SIGTERM)
    assert listener.process.wait(5) == 0


def test_processes_share_ports_stats_and_releases(processes: Processes) -> None:
    listener = start(processes, "-delay", "1m", "-processes", 3, "-stats", "200ms")
    peers = listener.hold(300, open=301)
    members = [listener.process.pid, *children(listener)]
    assert all(psutil.Process(pid).num_fds() > 30 for pid in members)
    assert {(stats["held"], stats["id"]) for stats in [listener.stats() for _ in range(20)]} == {
        (300, listener.stats()["id"])
    }
    assert listener.release() == 300
    for peer in peers:
        read_answer(peer)
    listener.wait_until(held=0, received=300)
    listener.process.wait_for("^Received  300 Rate")
    close_all(peers)


def test_no_orphans_when_the_first_process_is_killed(processes: Processes) -> None:
    listener = start(processes, "-delay", "1m", "-processes", 3)
    others, peers = children(listener), listener.hold(100)
    listener.process.stop(signal.SIGKILL)
    assert gone(others, 2)
    close_all(peers)


def test_it_ends_when_one_of_its_processes_is_killed(processes: Processes) -> None:
    listener = start(processes, "-processes", 3)
    others = children(listener)
    os.kill(others[0], signal.SIGKILL)
    assert listener.process.wait(2) == 1
    assert "listener: one of its processes died" in listener.process.output
    assert gone(others, 0)
