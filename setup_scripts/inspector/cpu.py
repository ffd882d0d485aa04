"""Which processes use the CPUs of the broker's host: proc_stat(5), proc_pid_stat(5)."""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from inspector.holders import holders_of
from inspector.names import LOOPBACK
from inspector.proc import TICKS

if TYPE_CHECKING:
    from collections.abc import Collection

    from inspector.addresses import Address
    from inspector.netlink import Listening

ROLES = DATABASE, LISTENER, TESTER = "database", "listener", "tester"
BUSY, EVERY = 0.5, 10  # share of the CPUs in use: above it each sample looks at all processes, otherwise each tenth
APART = 0.9  # s at least between two looks
MOST, LEAST = 5, 0.01  # most names of others; least CPUs for a name
KTHREADD = 2  # the parent of all threads of the kernel


class HostCpu(NamedTuple):
    """CPU time of all CPUs of the host since its start, in s."""

    busy: float
    idle: float
    steal: float  # given to others by the hypervisor

    @classmethod
    def read(cls) -> HostCpu:
        spent = psutil.cpu_times()
        busy = spent.user + spent.nice + spent.system + spent.irq + spent.softirq
        return cls(busy, spent.idle, getattr(spent, "steal", 0.0))


class ProcessCpu:
    """CPU time of the processes by role, and the state between two samples.

    On a quiet host a sample looks at no process: hundreds of files would cost as much as all the rest.
    """

    def __init__(self) -> None:
        self.ticks: dict[int, int] = {}  # by pid, at the last look
        self.names: dict[tuple[int, bytes, bytes], str] = {}  # by pid, name and start
        self.kernel: set[int] = set()  # threads of the kernel
        self.roles: dict[int, str] = {}  # by pid, of those who are known by the port that they listen on
        self.inodes: dict[int, str] = {}  # of these ports, whose
        self.spent: Counter[str] = Counter()  # ticks since the first look
        self.looked, self.before = 0.0, HostCpu(0.0, 0.0, 0.0)
        self.samples = 0

    def look(
        self, own: Collection[int], listening: Collection[Listening], peers: dict[str, frozenset[Address]]
    ) -> dict[str, Any]:
        """Return the answer of `inspect` on CPUs. `own` are the broker's pids, `peers` the addresses of its peers."""
        now, host = time.monotonic(), HostCpu.read()
        figures: dict[str, Any] = {
            "host_cpus": os.cpu_count(),
            "host_busy_seconds": round(host.busy, 2),
            "host_idle_seconds": host.idle,
            "host_steal_seconds": round(host.steal, 2),
        }
        busy, idle = host.busy + host.steal - self.before.busy - self.before.steal, host.idle - self.before.idle
        if now > self.looked + APART and (busy > BUSY * (busy + idle) or self.samples % EVERY == 0):
            self._find(listening, peers)
            spent = self._spent(own)
            if self.looked:
                self.spent.update(spent)
                others = {n: t / TICKS / (now - self.looked) for n, t in spent.most_common() if n not in ROLES}
                figures["cpu_of_others"] = {n: round(cpus, 2) for n, cpus in [*others.items()][:MOST] if cpus >= LEAST}
            there = {*self.roles.values(), *self.names.values()}
            for role in ROLES:
                figures[f"{role}_cpu_seconds"] = self.spent[role] / TICKS if role in there else None
            self.looked = now
        self.before = host
        self.samples += 1
        return figures

    def _find(self, listening: Collection[Listening], peers: dict[str, frozenset[Address]]) -> None:
        """Find the processes of peers on this host by the sockets that listen at their addresses."""
        ports = {port: role for role, addresses in peers.items() for _, port in addresses}
        inodes = {one.inode: ports[one.port] for one in listening if one.port in ports}
        if inodes != self.inodes:
            self.inodes, here = inodes, _addresses_here()
            local = {port for addresses in peers.values() for ip, port in addresses if ip in here}
            at = {one.inode: one.port for one in listening}
            held = holders_of(inode for inode in inodes if at[inode] in local)
            self.roles = {pid: inodes[inode] for inode, pids in held.items() for pid in pids}
            self.names.clear()

    def _spent(self, own: Collection[int]) -> Counter[str]:
        """Return the ticks of all processes but the broker's since the last look, by role."""
        spent: Counter[str] = Counter()
        ticks: dict[int, int] = {}
        names: dict[tuple[int, bytes, bytes], str] = {}
        if self.samples % (3 * EVERY) == 0:
            self.kernel.clear()
        for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
            if pid in self.kernel or pid in own:
                continue
            with suppress(OSError):  # ended meanwhile
                before, _, after = _read(f"/proc/{pid}/stat").rpartition(b")")
                words = after.split()
                if int(words[1]) == KTHREADD:
                    self.kernel.add(pid)
                    continue
                key = pid, before.partition(b"(")[2], words[19]
                names[key] = name = self.names.get(key) or self._name(pid, key[1])
                ticks[pid] = now = int(words[11]) + int(words[12])
                last = self.ticks.get(pid, 0)
                spent[name] += now - last if now >= last else now
        self.ticks, self.names = ticks, names
        return spent

    def _name(self, pid: int, name: bytes) -> str:
        if pid in self.roles:
            return self.roles[pid]
        if pid == os.getpid():
            return "the inspector"
        words = _read(f"/proc/{pid}/cmdline").split(b"\0")[:3]
        tester = any(word.rpartition(b"/")[2] == b"locust" for word in words)
        return TESTER if tester else name.decode(errors="replace")


def _read(path: str) -> bytes:
    """Return the first of what is in a file; half of the cost of a file object."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)


def _addresses_here() -> set[str]:
    found = set(LOOPBACK)
    with suppress(OSError):
        found.update(address.address for each in psutil.net_if_addrs().values() for address in each)
    return found
