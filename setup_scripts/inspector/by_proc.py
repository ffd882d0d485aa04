"""Counts a process's connections by proc_pid_net(5), where the kernel does not list its sockets."""

from __future__ import annotations

import os
import socket
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil

from inspector.addresses import address_of
from inspector.counts import Counted, by_remote, extent
from inspector.netlink import LISTEN, STATES, Listening
from inspector.proc import link_of

if TYPE_CHECKING:
    from inspector.addresses import Address


def count_by_proc(processes: list[psutil.Process], port: int, listeners: frozenset[Address]) -> Counted:
    """Return the connections of the broker's processes, the first of which is asked for what listens."""
    tables = [connections(process) for process in processes]
    listed = {c[1:]: c for table in tables for c in table if c.fd >= 0}.values()  # what two of them share, once
    to_listeners = [c for c in listed if c.raddr in listeners]
    away = Counter((c.status, c.raddr) for c in listed if c.raddr[1] and c.laddr[1] != port)
    listen = {c.inode: c for c in tables[0] if c.status == "LISTEN"}
    own = {c.inode for c in listed}
    figures = {
        "states": Counter(c.status for c in listed),
        "inbound": Counter(c.status for c in listed if c.raddr[1] and c.laddr[1] == port),
        **by_remote(away, listeners),
        "listener_ports": extent(
            {socket.htons(c.laddr[1]) for c in to_listeners}, {socket.htons(c.laddr[1]) for c in listed}
        ),
    }
    listening = [Listening(*c.laddr, c.queue, None, c.inode) for c in listen.values()]
    return Counted(figures, [one for one in listening if one.port == port and one.inode in own], listening)


class Connection(NamedTuple):
    """A TCP socket; port 0: it has no such end; descriptor -1: another process's, which listens."""

    fd: int
    status: str
    laddr: Address
    raddr: Address
    queue: int  # bytes to be read, or connections to be accepted
    inode: int


def connections(process: psutil.Process) -> list[Connection]:
    """Return a process's TCP sockets, and those in its network namespace that listen, proc_pid_net(5).

    psutil looks for them in the inspector's network namespace.
    """
    fds, found = {}, []  # type: dict[str, int], list[Connection]
    for fd in os.listdir(f"/proc/{process.pid}/fd"):
        fds.setdefault(link_of(f"/proc/{process.pid}/fd/{fd}"), int(fd))
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        table = Path(f"/proc/{process.pid}/net/{name}")
        lines = table.read_text(encoding="ascii").splitlines()[1:] if table.exists() else []  # no tcp6 without IPv6
        for line in lines:
            _, local, remote, state, queues, *_, inode = line.split()[:10]
            descriptor = fds.get(f"socket:[{inode}]", -1)
            if descriptor >= 0 or int(state, 16) == LISTEN:
                ends, queue = (_end(family, local), _end(family, remote)), int(queues.partition(":")[2], 16)
                found.append(Connection(descriptor, STATES[int(state, 16)], *ends, queue, int(inode)))
    return found


def _end(family: int, text: str) -> Address:
    ip, port = text.split(":")
    words = [int(ip[n : n + 8], 16) for n in range(0, len(ip), 8)]
    return address_of(family, socket.htons(int(port, 16)), *words, *[0] * (4 - len(words)))
