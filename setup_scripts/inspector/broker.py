"""The broker's process, and those that it started."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from inspector.at_port import AtPort
from inspector.by_kernel import KernelCounts
from inspector.by_proc import count_by_proc
from inspector.cgroups import Cgroup
from inspector.command_line import database_ports, without_secrets
from inspector.cpu import DATABASE, LISTENER, ProcessCpu
from inspector.errors import KILLED_FOR_MEMORY, KILLED_ON_HOST, NO_PROCESS, InspectionFailed
from inspector.limits import Limit, memory_of_host, threads_of_host, tightest_first
from inspector.netlink import kernel_sockets
from inspector.proc import (
    Stat,
    ephemeral_ports,
    network_counters,
    number_of_fds,
    oom_kills_of_host,
    rlimits,
    table_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.addresses import Address
    from inspector.counts import Counted

LOW_FDS = 1024  # FD_SETSIZE, select(2)
CAP_SYS_ADMIN_RESOURCE = 1 << 21 | 1 << 24  # capabilities(7)


class Broker:
    """A process and its descendants, and what is remembered between two samples.

    Every READ_AGAIN samples all processes are read for descendants, and all descriptors; the other samples see the
    children of main threads only, where the kernel tells them (CONFIG_PROC_CHILDREN).
    """

    READ_AGAIN = 30

    def __init__(self, process: psutil.Process, port: int) -> None:
        self.process, self.port = process, port
        self.identity: dict[str, Any] = {
            "pid": process.pid,
            "name": process.name(),
            "command_line": without_secrets(process.cmdline()),
            "started": process.create_time(),
        }
        self.oom_kills: tuple[int | None, int | None] = None, None  # of its cgroup, of the host
        self.of_same_user = 0  # threads of others
        self.family: list[psutil.Process] = []  # learned by each sample
        self.listed: list[psutil.Process] = []  # its descendants, at every READ_AGAIN-th
        self.full: int | None = None  # all descriptors when the first process had no more left
        self.same_network = Path("/proc/self/ns/net").samefile(f"/proc/{process.pid}/ns/net")  # not in a container
        self.by_kernel = False
        if self.same_network:
            with suppress(OSError):
                self.by_kernel = bool(list(kernel_sockets()))
        self.at_port = AtPort(port)
        self.process_cpu = ProcessCpu()
        self.database: frozenset[Address] = frozenset()  # where it was connected to
        self.database_ports = database_ports(self.identity["command_line"])
        self.samples = 0
        self.cgroup = Cgroup(process.pid)

    def sample(self, listeners: frozenset[Address]) -> dict[str, Any]:
        """Return all that `inspect` tells."""
        self._find_family()
        with os.scandir(self.folders[0]) as entries:  # in ascending order, so the first thousand are enough
            low = sum(1 for _ in takewhile(lambda entry: int(entry.name) < LOW_FDS, entries))
        counted = self._count(listeners)
        stats = [Stat.of(process.pid) for process in self.family]
        if stats[0].state == "Z":  # what has ended has no connections, which is no count
            raise psutil.NoSuchProcess(self.process.pid)
        self.cgroup.find()
        self.oom_kills = self.cgroup.oom_kills(), oom_kills_of_host()
        threads = sum(stat.threads for stat in stats)
        answer = {
            **self.identity,
            **counted.figures,
            **self.at_port.look(counted),
            **self._descriptors(),
            "free_below_1024": LOW_FDS - low,
            "state": next((stat.state for stat in stats if stat.state in "Tt"), stats[0].state),
            "cpu_seconds": round(sum(stat.cpu_seconds for stat in stats), 2),
            "cpus": min(len(self.process.cpu_affinity()), self.cgroup.cpus()),
            **self.cgroup.throttled(),
            **self._cpu_of_host(counted, listeners),
            "threads": threads,
            "threads_limits": self.threads_limits(threads),
            "threads_refused": self.cgroup.threads_refused(),
            "rss": sum(stat.rss for stat in stats),
            "memory_limits": tightest_first([*self.cgroup.memory(), *memory_of_host()]),
            "oom_kills": self.oom_kills[0],
            "host_oom_kills": self.oom_kills[1],
            **network_counters(self.process.pid),
            "ephemeral_ports": ephemeral_ports() if self.same_network else None,
        }
        self.samples += 1
        return answer

    def _count(self, listeners: frozenset[Address]) -> Counted:
        if self.by_kernel:
            return self.kernel.count(listeners, self.samples % self.READ_AGAIN == 0)
        return count_by_proc(self.family, self.port, listeners)

    def _cpu_of_host(self, counted: Counted, listeners: frozenset[Address]) -> dict[str, Any]:
        others = counted.figures["others"]
        self.database |= {(one["ip"], one["port"]) for one in others if one["port"] in self.database_ports}
        own = [process.pid for process in self.family]
        return self.process_cpu.look(own, counted.listening, {DATABASE: self.database, LISTENER: listeners})

    def _find_family(self) -> None:
        """Learn the descendants; zombies, and those that may not be looked into, have no `exe` and are left out."""
        if self.samples % self.READ_AGAIN == 0:
            self.listed = self.process.children(recursive=True)
        found = [self.process.pid]
        for pid in found:  # which grows
            with suppress(OSError), open(f"/proc/{pid}/task/{pid}/children", "rb") as children:
                found += map(int, children.read().split())
        found += [process.pid for process in self.listed if process.pid not in found and process.is_running()]
        found[1:] = [pid for pid in found[1:] if os.path.exists(f"/proc/{pid}/exe")]
        if found != [process.pid for process in self.family]:
            self.family = [self.process, *map(psutil.Process, found[1:])]
            self.folders = [f"/proc/{pid}/fd" for pid in found]
            networks = {os.stat(f"/proc/{pid}/ns/net").st_ino for pid in ("self", *found)}  # a container has its own
            self.by_kernel = self.by_kernel and len(networks) == 1
            self.full = None
            self.kernel = KernelCounts(self.port, self.folders)

    def _descriptors(self) -> dict[str, Any]:
        """Return `fds` and `nofile` of the whole."""
        each = [number_of_fds(folder) for folder in self.folders]
        limits = [rlimits(process.pid, "open files")[0] for process in self.family]
        soft = None if None in limits else sum(limit or 0 for limit in limits)
        if len(each) > 1 and any(nofile and fds >= nofile - 2 - nofile // 100 for fds, nofile in zip(each, limits)):
            self.full = self.full or sum(each)
        return {"fds": sum(each), "nofile": self.full or soft}

    def threads_limits(self, threads: int) -> list[dict[str, Any]]:
        """Return every limit on its threads, of which it has `threads`, that with the fewest left first."""
        return tightest_first([*self._threads_of_user(threads), *self.cgroup.threads(), *threads_of_host()])

    def _threads_of_user(self, threads: int) -> Iterator[Limit]:
        """Yield `ulimit -u`, where it holds: getrlimit(2)."""
        most = rlimits(self.process.pid, "processes")[0]
        status = table_of(f"/proc/{self.process.pid}/status")
        if most is not None and status["Uid"][0] != "0" and not int(status["CapEff"][0], 16) & CAP_SYS_ADMIN_RESOURCE:
            if self.samples % self.READ_AGAIN == 0:
                self.of_same_user = self._threads_of_others()
            yield Limit(f"ulimit -u of process {self.process.pid}", most, threads + self.of_same_user)

    def _threads_of_others(self) -> int:
        """Count the threads of its user's other processes."""
        own = {str(process.pid) for process in (self.process, *self.listed)}
        user = os.stat(f"/proc/{self.process.pid}").st_uid
        pids = [entry.name for entry in os.scandir("/proc") if entry.name.isdigit() and entry.name not in own]
        tables = [table_of(f"/proc/{pid}/status") for pid in pids]
        return sum(int(table["Threads"][0]) for table in tables if table and int(table["Uid"][0]) == user)

    def end(self, reason: str) -> InspectionFailed:
        """Return that it is gone, and whether the kernel has killed for memory since the last sample."""
        now = self.cgroup.oom_kills(), oom_kills_of_host()
        kinds = (("of its control group", KILLED_FOR_MEMORY), ("on this host", KILLED_ON_HOST))
        for old, new, (where, kind) in zip(self.oom_kills, now, kinds):
            if new is not None and old is not None:
                if new > old:
                    killed = f"since then the kernel has killed {new - old} {where} for lack of memory"
                    return InspectionFailed(f"{reason}; {killed}", kind)
                break  # the group counts whatever kills one of its own: another process was killed, or none
        return InspectionFailed(reason, NO_PROCESS)
