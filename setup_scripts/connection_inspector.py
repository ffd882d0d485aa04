#!/usr/bin/env python3
"""Counts the TCP connections of the context broker's process, for the connections stress test, over RPyC.

    python3 connection_inspector.py [--host 127.0.0.1] [--port 18812] [--token-file FILE] [--process-name NAME]

Runs on the broker's host as the user that runs the broker, with psutil and rpyc; needs no root. One file, longer than
the others, because it is copied there alone; to a plain rpyc_classic the client sends it.
"""

# Python 3.8 has no zip(strict=), and pathlib is slow for thousands of descriptors
# ruff: noqa: B905, PTH110, PTH115, PTH116, PTH123, PTH208

from __future__ import annotations

import argparse
import errno
import hmac
import ipaddress
import json
import os
import re
import signal
import socket
import struct
import sys
import threading
import time
import zlib
from array import array
from collections import Counter, OrderedDict
from contextlib import suppress
from functools import lru_cache
from itertools import compress, count, repeat, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil
import rpyc
from rpyc.core.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import NoReturn

    Address = tuple[str, int]  # IP, port
    Remote = tuple[str, Address]  # TCP state, where a connection leads to

DEFAULT_PORT = 18812  # rpyc_classic's, as in the original manual
DEFAULT_NAME = "contextBroker"
CALL_SECONDS = 2  # for what a client has to send, or to take
IDLE_SECONDS = 3600  # for which a client may be silent: between the steps of a ramp nobody asks
MAX_ENTERING, MAX_CLIENTS, BACKLOG = 32, 16, 128  # clients that have not logged in, that have, that wait for both
MAX_TOKEN = 4096  # characters
PAUSE = 0.2  # s, when there are no descriptors left
CHALLENGE = b"#CHALLENGE#"
PASSWORD = re.compile("-+[^=]*(pwd|pass|secret|token)[^=]*", re.IGNORECASE)
PASSWORD_GIVEN = re.compile("^(-+[^=]*(?:pwd|pass|secret|token)[^=]*=).*", re.IGNORECASE | re.DOTALL)
MAX_LISTENERS, MAX_TEXT, MAX_REQUEST = 64, 300, 24_000  # host:port, characters of each, bytes of all
UNKNOWN, OF_OTHERS, NOT_LISTED, INBOUND = range(-1, 3)  # groups of sockets; beyond, each remote address has its own
MOST_REMOTES = 8  # addresses that connections lead to, beside the listeners'
MAX_FDS, AROUND = 60, 8  # lines of the descriptor table: from the first one on, and around the first free number
LOW_FDS = 1024  # FD_SETSIZE, select(2)
TICKS, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
CAP_SYS_ADMIN_RESOURCE = 1 << 21 | 1 << 24  # capabilities(7)
# Kinds of failure: values of scenario.peers.failures.Kind
NO_PROCESS, NOT_ALLOWED = "no process", "not allowed"
KILLED_FOR_MEMORY, KILLED_ON_HOST = "killed for memory", "killed on host"
OOM_FILES = "memory.events", "memory.oom_control"  # of cgroups, version 2 and 1
NETWORK_COUNTERS = {
    "listen_overflows": "ListenOverflows",
    "listen_drops": "ListenDrops",
    "retransmits": "RetransSegs",
    "resets": "EstabResets",
}


class InspectionFailed(Exception):
    """Why there are no counts, as one sentence and, where there is one, as a kind."""

    def __init__(self, reason: str, kind: str = "") -> None:
        super().__init__(reason)
        self.kind = kind


# --- The kernel's list of TCP sockets: sock_diag(7), linux/inet_diag.h ---

NETLINK_SOCK_DIAG, TCPDIAG_GETSOCK = 4, 18  # this request has IPv4 and IPv6 in one walk over the kernel's table
NLM_F_REQUEST_DUMP, NLMSG_ERROR, NLMSG_DONE = 0x301, 2, 3
MESSAGE = 88  # bytes of nlmsghdr and inet_diag_msg; attributes may follow
# net/tcp_states.h, with the names of netstat(8)
STATES = (
    "", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT",
    "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING",
)  # fmt: skip
LISTEN, ESTABLISHED = STATES.index("LISTEN"), STATES.index("ESTABLISHED")
HELD_STATES = sum(1 << number for number, state in enumerate(STATES) if state not in ("", "TIME_WAIT"))


class Listening(NamedTuple):
    """A listening socket: connections that wait to be accepted, how many may wait (None: not told)."""

    ip: str
    queue: int
    backlog: int | None
    inode: int


class Sockets:
    """Some hundred sockets as the kernel gave them, `step` bytes each, read by column; ports in network order."""

    def __init__(self, messages: bytes, step: int) -> None:
        self.messages, self.step = messages, step
        self.states = messages[17::step]
        self.local_ports = memoryview(messages).cast("H")[10 :: step // 2]
        self.inodes = self.words(21)

    def words(self, number: int) -> memoryview:
        """Return the column of 32 bits at a place."""
        return memoryview(self.messages).cast("I")[number :: self.step // 4]

    def listening(self, port: int) -> Iterator[Listening]:
        """Yield the sockets that listen on a port."""
        place = self.states.find(LISTEN)
        while place >= 0:
            if self.local_ports[place] == socket.htons(port):
                start = place * self.step
                ip, _ = _address(self.messages[start + 16], 0, *struct.unpack_from("=4I", self.messages, start + 24))
                yield Listening(ip, self.words(18)[place], self.words(19)[place], self.inodes[place])
            place = self.states.find(LISTEN, place + 1)

    def remotes(self) -> Iterator[tuple[int, ...]]:
        """Yield family, remote port and remote address in four words."""
        ports = memoryview(self.messages).cast("H")[11 :: self.step // 2]
        return zip(self.messages[16 :: self.step], ports, *map(self.words, range(10, 14)))


def kernel_sockets() -> Iterator[Sockets]:
    """Yield the TCP sockets of this network namespace; OSError without sock_diag."""
    body, more = struct.pack("=B51xII", socket.AF_INET, HELD_STATES, 0), True
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG) as kernel:
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 1, 0))
        kernel.send(struct.pack("=IHHII", 16 + len(body), TCPDIAG_GETSOCK, NLM_F_REQUEST_DUMP, 0, 0) + body)
        while more:
            messages, step, more = _of_one_length(kernel.recv(1 << 16))
            yield Sockets(messages, step)


def _of_one_length(answer: bytes) -> tuple[bytes, int, bool]:
    """Return an answer's messages, all of one length, that length, and whether more answers follow."""
    length, kind = struct.unpack_from("=IH", answer)
    if kind == NLMSG_ERROR:
        raise OSError("the kernel does not list its sockets")
    number, rest = divmod(len(answer), length)  # below 64 kB, so two bytes of each length tell
    if not rest and all(answer[n::length].count(answer[n]) == number for n in (0, 1)) and kind != NLMSG_DONE:
        return answer, length, True
    start, messages = 0, []
    while start < len(answer) and kind != NLMSG_DONE:
        messages.append(answer[start : start + MESSAGE])
        start += length
        length, kind = struct.unpack_from("=IH", answer, start) if start < len(answer) else (0, kind)
    return b"".join(messages), MESSAGE, kind != NLMSG_DONE


# --- Limits and counters: cgroups(7), proc(5) ---


class Limit(NamedTuple):
    """A limit, what is used of it, and where it is set."""

    where: str
    limit: int
    used: int


class Stat(NamedTuple):
    """What proc_pid_stat(5) tells of a process: its state as in ps(1), CPU in s (with ended children), RSS in bytes."""

    state: str
    cpu_seconds: float
    threads: int
    rss: int

    @classmethod
    def of(cls, pid: int) -> Stat:
        """Read it; OSError when there is no such process."""
        with open(f"/proc/{pid}/stat", "rb") as file:
            words = file.read().rpartition(b")")[2].split()
        return cls(words[0].decode(), sum(map(int, words[11:15])) / TICKS, int(words[17]), int(words[21]) * PAGE)


class Cgroup:
    """The control groups of a process, version 1 and 2, from its own up to the topmost that can be seen."""

    def __init__(self, pid: int) -> None:
        self.pid, self.memberships = pid, ""
        self.folders: dict[str, list[str]] = {}

    def find(self) -> None:
        """Learn the folders anew when the process was moved; OSError when there is none any more."""
        with open(f"/proc/{self.pid}/cgroup", encoding="utf-8") as file:
            memberships = file.read()
        if memberships != self.memberships:
            self.memberships, self.folders = memberships, {}
            for seen_by, root in ((self.pid, f"/proc/{self.pid}/root"), ("self", "")):  # a container's, then ours
                with suppress(OSError), open(f"/proc/{seen_by}/mountinfo", encoding="utf-8") as file:
                    self.folders.update(cgroup_folders(memberships, file.read(), root))

    def _of(self, controller: str) -> list[str]:
        return self.folders.get(controller) or self.folders.get("", [])

    def threads(self) -> Iterator[Limit]:
        """Yield each limit on threads; systemd calls it TasksMax."""
        for folder in self._of("pids"):
            yield from _limit(f"{folder}/pids.max", f"{folder}/pids.current")

    def threads_refused(self) -> int | None:
        """Return how often a limit on threads has been hit."""
        return _most(_table(f"{folder}/pids.events").get("max") for folder in self._of("pids"))

    def memory(self) -> Iterator[Limit]:
        """Yield each limit on memory in bytes; what is used includes what is cached."""
        for folder in self._of("memory"):
            yield from _limit(f"{folder}/memory.max", f"{folder}/memory.current")
            yield from _limit(f"{folder}/memory.limit_in_bytes", f"{folder}/memory.usage_in_bytes")

    def oom_kills(self) -> int | None:
        """Return how many processes of its own group the kernel has killed for lack of memory."""
        tables = [_table(f"{folder}/{name}") for folder in self._of("memory")[:1] for name in OOM_FILES]
        return _most(table.get("oom_kill") for table in tables)

    def cpus(self) -> float:
        """Return the CPUs that the tightest quota leaves."""
        quotas = [(float("inf"), 1)]
        for folder in self._of("cpu"):
            table = _table(f"{folder}/cpu.max")
            quotas += [(int(quota), int(rest[0])) for quota, rest in table.items() if quota != "max"]
            quota, period = _number(f"{folder}/cpu.cfs_quota_us"), _number(f"{folder}/cpu.cfs_period_us")
            quotas += [(quota, period)] if quota and period else []
        return min(quota / period for quota, period in quotas)

    def throttled(self) -> dict[str, float | None]:
        """Return for how long a quota has kept it waiting, and in how many periods."""
        tables = [_table(f"{folder}/cpu.stat") for folder in self._of("cpu")]
        microseconds = _most(table.get("throttled_usec") for table in tables)
        nanoseconds = _most(table.get("throttled_time") for table in tables)
        seconds = None if nanoseconds is None else nanoseconds / 1e9
        return {
            "throttled_seconds": seconds if microseconds is None else microseconds / 1e6,
            "throttled_periods": _most(table.get("nr_throttled") for table in tables),
        }


def cgroup_folders(memberships: str, mounts: str, root: str) -> dict[str, list[str]]:
    """Return the folders of a process's control groups by controller ("": version 2), its own first.

    `memberships` and `mounts` are proc_pid_cgroup(5) and proc_pid_mountinfo(5), seen below the folder `root`.
    """
    mounted, found = {}, {}  # type: dict[str, tuple[str, str]], dict[str, list[str]]
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            top, point = before.split()[3:5]
            names = options.split(",") if kind == "cgroup" else [""]
            mounted.update(dict.fromkeys(names, (top.rstrip("/"), point)))
    for line in memberships.splitlines():
        _, controllers, path = line.split(":", 2)
        for name in controllers.split(","):
            top, point = mounted.get(name, ("-", ""))
            parts = path[len(top) :].strip("/").split("/")
            if f"{path}/".startswith(f"{top}/") and ".." not in parts:
                folders = ["/".join([root + point, *parts[:n]]).rstrip("/") for n in range(len(parts), -1, -1)]
                found[name] = list(dict.fromkeys(folders))
    return found


def _limit(limit: str, used: str) -> Iterator[Limit]:
    most, now = _number(limit), _number(used)
    if most is not None and now is not None:
        yield Limit(limit, most, now)


def _number(path: str) -> int | None:
    """Return the number in a file; None without one, for "max", and for what version 1 has instead of that."""
    first = next(iter(_table(path)), "")
    return int(first) if first.isdigit() and int(first) < 1 << 62 else None


def _most(values: Iterable[list[str] | None]) -> int | None:
    return max((int(words[0]) for words in values if words), default=None)


def _table(path: str) -> dict[str, list[str]]:
    """Return the words of each line by its first word; nothing when there is no such file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.split() for line in file]
    except OSError:
        return {}
    return {words[0].rstrip(":"): words[1:] for words in lines if words}


def _tightest_first(limits: list[Limit]) -> list[dict[str, Any]]:
    return [limit._asdict() for limit in sorted(limits, key=lambda limit: limit.limit - limit.used)]


def _threads_of_host() -> Iterator[Limit]:
    with open("/proc/loadavg", encoding="ascii") as file:
        used = int(file.read().split()[3].partition("/")[2])
    for name in ("threads-max", "pid_max"):
        if (most := _number(f"/proc/sys/kernel/{name}")) is not None:
            yield Limit(f"sysctl kernel.{name}", most, used)


def _memory_of_host() -> Iterator[Limit]:
    table = _table("/proc/meminfo")
    if "MemAvailable" in table:
        total = int(table["MemTotal"][0])
        yield Limit("the host's memory", total * 1024, (total - int(table["MemAvailable"][0])) * 1024)


def _oom_kills_of_host() -> int | None:
    return _most([_table("/proc/vmstat").get("oom_kill")])


def _idle_seconds() -> float:
    with open("/proc/stat", "rb") as file:
        return int(file.readline().split()[4]) / TICKS


def _network_counters(pid: int) -> dict[str, int | None]:
    """Return what the process's network namespace has counted: nstat(8)."""
    found: dict[str, str] = {}
    for name, protocol in (("netstat", "TcpExt:"), ("snmp", "Tcp:")):
        with suppress(OSError), open(f"/proc/{pid}/net/{name}", encoding="ascii") as file:
            found.update(dict(zip(*(line.split() for line in file if line.startswith(protocol)))))
    return {name: int(found[theirs]) if theirs in found else None for name, theirs in NETWORK_COUNTERS.items()}


# --- The broker's process, and those that it started ---


class Seen(NamedTuple):
    """What there is to see of the kernel's sockets."""

    counted: Counter[tuple[int, int]]  # by group and state; without those OF_OTHERS
    ports: set[int]  # local ones that lead to the listeners, and all; in network order
    taken: set[int]
    at_port: list[Listening]
    sockets: list[Sockets]
    groups: list[list[int]]


class Broker:
    """A process and its descendants, and what is remembered between two samples: the group of each socket.

    A group is what others have, what is inbound at the broker's port, or all that leads to one remote address. To read
    where 15,000 descriptors lead costs more than all the rest. A socket keeps its inode for life, and its ends, so
    while the own sockets that are still listed and the descriptors that lead elsewhere add up to all descriptors, none
    of the new sockets can be its own, and nothing else is read. READ_AGAIN samples later all links are read anyway,
    because a socket that was inherited or handed on is not noticed. So are all processes, for descendants; the other
    samples see the children of main threads only, where the kernel tells them (CONFIG_PROC_CHILDREN).
    """

    READ_AGAIN = 30

    def __init__(self, process: psutil.Process, port: int) -> None:
        self.process, self.port, self.folder = process, port, f"/proc/{process.pid}/fd"
        self.identity = {
            "pid": process.pid,
            "name": process.name(),
            "command_line": without_secrets(process.cmdline()),
            "started": process.create_time(),
        }
        self.oom_kills: tuple[int | None, int | None] = None, None  # of its cgroup, of the host
        self.of_same_user = 0  # threads of others
        self.family: list[psutil.Process] = []  # learned by each sample
        self.full: int | None = None  # all descriptors when the first process had no more left
        self.beside = Path("/proc/self/ns/net").samefile(f"/proc/{process.pid}/ns/net")  # not in a container
        self.by_kernel = False
        if self.beside:
            with suppress(OSError):
                self.by_kernel = bool(list(kernel_sockets()))
        self.groups: dict[int, int] = {}  # by inode
        self.remotes: dict[int, Address] = {}  # by group
        self.elsewhere: dict[str, str] = {}  # descriptors that lead to none of the listed sockets, and where to
        self.duplicated: dict[str, str] = {}  # descriptors of which those hold duplicates, and where to
        self.samples = 0
        self.strangers: list[int] = []  # sockets of others that listen on the broker's port
        self.stranger_pids: list[int] = []
        self.cgroup = Cgroup(process.pid)

    def sample(self, listeners: frozenset[Address]) -> dict[str, Any]:
        """Return all that `inspect` tells."""
        self._find_family()
        with os.scandir(self.folder) as entries:  # in ascending order, so the first thousand are enough
            low = sum(1 for _ in takewhile(lambda entry: int(entry.name) < LOW_FDS, entries))
        counts = self._by_kernel(listeners) if self.by_kernel else self._by_proc(listeners)
        stats = [Stat.of(process.pid) for process in self.family]
        if stats[0].state == "Z":  # what has ended has no connections, which is no count
            raise psutil.NoSuchProcess(self.process.pid)
        self.cgroup.find()
        self.oom_kills = self.cgroup.oom_kills(), _oom_kills_of_host()
        threads = sum(stat.threads for stat in stats)
        told = {
            **self.identity,
            **counts,
            **self._descriptors(),
            "free_below_1024": LOW_FDS - low,
            "state": next((stat.state for stat in stats if stat.state in "Tt"), stats[0].state),
            "cpu_seconds": round(sum(stat.cpu_seconds for stat in stats), 2),
            "cpus": min(len(self.process.cpu_affinity()), self.cgroup.cpus()),
            **self.cgroup.throttled(),
            "host_idle_seconds": _idle_seconds(),
            "threads": threads,
            "threads_limits": self.threads_limits(threads),
            "threads_refused": self.cgroup.threads_refused(),
            "rss": sum(stat.rss for stat in stats),
            "memory_limits": _tightest_first([*self.cgroup.memory(), *_memory_of_host()]),
            "oom_kills": self.oom_kills[0],
            "host_oom_kills": self.oom_kills[1],
            **_network_counters(self.process.pid),
            "ephemeral_ports": _ephemeral_ports() if self.beside else None,
        }
        self.samples += 1
        return told

    def _find_family(self) -> None:
        """Learn the descendants; zombies, and those that may not be looked into, have no `exe` and are left out."""
        if self.samples % self.READ_AGAIN == 0:
            self.listed: list[psutil.Process] = self.process.children(recursive=True)
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
            self.groups, self.elsewhere, self.duplicated, self.full = {}, {}, {}, None

    def _descriptors(self) -> dict[str, Any]:
        """Return `fds` and `nofile` of the whole."""
        each = [_fds(folder) for folder in self.folders]
        limits = [_limits(process.pid, "open files")[0] for process in self.family]
        soft = None if None in limits else sum(limit or 0 for limit in limits)
        if len(each) > 1 and any(own and fds >= own - 2 - own // 100 for fds, own in zip(each, limits)):
            self.full = self.full or sum(each)
        return {"fds": sum(each), "nofile": self.full or soft}

    def threads_limits(self, own: int) -> list[dict[str, Any]]:
        """Return every limit on its threads, of which it has `own`, that with the fewest left first."""
        return _tightest_first([*self._threads_of_user(own), *self.cgroup.threads(), *_threads_of_host()])

    def _threads_of_user(self, own: int) -> Iterator[Limit]:
        """Yield `ulimit -u`, where it holds: getrlimit(2)."""
        most = _limits(self.process.pid, "processes")[0]
        status = _table(f"/proc/{self.process.pid}/status")
        if most is not None and status["Uid"][0] != "0" and not int(status["CapEff"][0], 16) & CAP_SYS_ADMIN_RESOURCE:
            if self.samples % self.READ_AGAIN == 0:
                self.of_same_user = self._threads_of_others()
            yield Limit(f"ulimit -u of process {self.process.pid}", most, own + self.of_same_user)

    def _threads_of_others(self) -> int:
        """Count the threads of its user's other processes."""
        own = {str(process.pid) for process in (self.process, *self.listed)}
        user = os.stat(f"/proc/{self.process.pid}").st_uid
        pids = [entry.name for entry in os.scandir("/proc") if entry.name.isdigit() and entry.name not in own]
        tables = [_table(f"/proc/{pid}/status") for pid in pids]
        return sum(int(table["Threads"][0]) for table in tables if table and int(table["Uid"][0]) == user)

    def end(self, reason: str) -> InspectionFailed:
        """Return that it is gone, and whether the kernel has killed for memory since the last sample."""
        now = self.cgroup.oom_kills(), _oom_kills_of_host()
        kinds = (("of its control group", KILLED_FOR_MEMORY), ("on this host", KILLED_ON_HOST))
        for old, new, (where, kind) in zip(self.oom_kills, now, kinds):
            if new is not None and old is not None:
                if new > old:
                    killed = f"since then the kernel has killed {new - old} {where} for lack of memory"
                    return InspectionFailed(f"{reason}; {killed}", kind)
                break  # the group counts whatever kills one of its own: another process was killed, or none
        return InspectionFailed(reason, NO_PROCESS)

    def _by_proc(self, listeners: frozenset[Address]) -> dict[str, Any]:
        tables = [connections(process) for process in self.family]
        listed = {c[1:]: c for table in tables for c in table if c.fd >= 0}.values()  # what two of them share, once
        to_listeners = [c for c in listed if c.raddr in listeners]
        away = Counter((c.status, c.raddr) for c in listed if c.raddr[1] and c.laddr[1] != self.port)
        at_port = {c.inode: c for c in tables[0] if c.status == "LISTEN" and c.laddr[1] == self.port}
        own = {c.inode for c in listed}
        return {
            "states": Counter(c.status for c in listed),
            "inbound": Counter(c.status for c in listed if c.raddr[1] and c.laddr[1] == self.port),
            **_by_remote(away, listeners),
            "listener_ports": _extent(
                {socket.htons(c.laddr[1]) for c in to_listeners}, {socket.htons(c.laddr[1]) for c in listed}
            ),
            **self._at_port(
                [Listening(c.laddr[0], c.queue, None, c.inode) for c in at_port.values()], own.__contains__
            ),
        }

    def _by_kernel(self, listeners: frozenset[Address]) -> dict[str, Any]:
        counted, ports, taken, at_port, *_ = self._sockets(listeners)
        states, inbound, remotes = Counter(), Counter(), Counter()  # type: Counter[str], Counter[str], Counter[Remote]
        for (group, number), n in counted.items():
            state = STATES[number]
            if group != UNKNOWN:
                states[state] += n
            if group == INBOUND and number != LISTEN:
                inbound[state] += n
            elif group in self.remotes and number != LISTEN:
                remotes[state, self.remotes[group]] += n
        return {
            "states": states,
            "inbound": inbound,
            **_by_remote(remotes, listeners),
            "listener_ports": _extent(ports, taken),
            **self._at_port(at_port, self.groups.get),
        }

    def _at_port(self, listening: list[Listening], is_own: Callable[[int], object]) -> dict[str, Any]:
        """Return the queue of the broker's port, and who else listens there."""
        own = [one for one in listening if is_own(one.inode)]
        ips = {one.ip for one in own}
        strangers = [
            one.inode
            for one in listening
            if not is_own(one.inode) and (ips & {one.ip, "0.0.0.0", "::"} or (ips and one.ip in ("0.0.0.0", "::")))
        ]
        if strangers != self.strangers:
            self.strangers, self.stranger_pids = strangers, _holders(strangers)
        fullest = max(own, key=lambda one: one.queue, default=Listening("", 0, None, 0))
        return {
            "listen_queue": fullest.queue if own else None,
            "listen_backlog": fullest.backlog,
            "also_listening": self.stranger_pids,
        }

    def _sockets(self, listeners: frozenset[Address]) -> Seen:
        """Return what there is to see of the kernel's sockets."""
        seen = self._look(kernel_sockets(), listeners)
        unknown = sum(n for (group, _), n in seen.counted.items() if group == UNKNOWN)
        all_found = sum(map(_fds, self.folders)) == sum(seen.counted.values()) - unknown + len(self.elsewhere)
        if not all_found or self.samples % self.READ_AGAIN == 0 or (unknown and not self._still_elsewhere()):
            sockets = list(kernel_sockets())
            self._read_links(sockets)
            return self._look(sockets, listeners)
        if unknown:  # no descriptor is left that could lead to them
            for some, group_of in zip(seen.sockets, seen.groups):
                if UNKNOWN in group_of:
                    self.groups.update({inode: OF_OTHERS for inode in some.inodes if inode not in self.groups})
        return seen

    def _look(self, sockets: Iterable[Sockets], listeners: frozenset[Address]) -> Seen:
        """Look at some hundred at a time, all at once: later they are no longer in the processor's cache."""
        seen = Seen(Counter(), set(), set(), [], [], [])
        to_listeners = {group for group, remote in self.remotes.items() if remote in listeners}.__contains__
        for some in sockets:
            group_of = list(map(self.groups.get, some.inodes, repeat(UNKNOWN)))
            seen.counted.update(compress(zip(group_of, some.states), group_of))
            seen.ports.update(compress(some.local_ports, map(to_listeners, group_of)))
            seen.taken.update(some.local_ports)
            seen.at_port.extend(some.listening(self.port))
            seen.sockets.append(some)
            seen.groups.append(group_of)
        return seen

    def _still_elsewhere(self) -> bool:
        try:
            watched = {**self.elsewhere, **self.duplicated}
            return all(os.readlink(path) == link for path, link in watched.items())
        except FileNotFoundError:
            return False

    def _read_links(self, sockets: list[Sockets]) -> None:
        """Learn the group of each socket; they were listed first, so that none of the own ones is missed."""
        listed = {inode for some in sockets for inode in some.inodes if inode}  # 0: no process holds it any more
        self.groups, self.elsewhere, self.duplicated = {}, {}, {}
        first: dict[int, str] = {}
        for path in [f"{folder}/{fd}" for folder in self.folders for fd in os.listdir(folder)]:
            with suppress(FileNotFoundError):  # closed meanwhile
                link = os.readlink(path)
                inode = int(link[8:-1]) if link.startswith("socket:[") else 0
                if inode not in listed or inode in first:  # a duplicate is one more descriptor, no socket
                    self.elsewhere[path] = link
                if inode in first:  # the first may go as well as the duplicate, and its number lead to a new socket
                    self.duplicated[first[inode]] = link
                if inode:
                    first.setdefault(inode, path)
        self.groups = {**dict.fromkeys((0, *listed), OF_OTHERS), **dict.fromkeys(first, NOT_LISTED)}
        groups: dict[tuple[int, ...], int] = {}
        for some in sockets:
            rows = zip(some.inodes, some.local_ports, some.remotes())
            for inode, port, remote in compress(rows, map(first.__contains__, some.inodes)):
                away = port != socket.htons(self.port)
                self.groups[inode] = groups.setdefault(remote, INBOUND + 1 + len(groups)) if away else INBOUND
        self.remotes = {group: _address(*remote) for remote, group in groups.items()}


def _by_remote(remotes: Counter[Remote], listeners: frozenset[Address]) -> dict[str, Any]:
    """Return the connections to the listeners by state, and MOST_REMOTES others by the address that they lead to."""
    to_listeners: Counter[str] = Counter()
    others: dict[Address, Counter[str]] = {}
    for (state, remote), n in remotes.items():
        (to_listeners if remote in listeners else others.setdefault(remote, Counter()))[state] += n
    most = sorted(others, key=lambda remote: -sum(others[remote].values()))[:MOST_REMOTES]
    named = [{"ip": ip, "port": port, "states": others[ip, port]} for ip, port in most]
    return {"to_listeners": to_listeners, "others": named}


def _holders(inodes: list[int]) -> list[int]:
    """Return the processes that hold sockets; 0 for those of processes that the inspector may not look into."""
    wanted, found = {f"socket:[{inode}]": inode for inode in inodes}, {}  # type: dict[str, int], dict[int, int]
    for pid in psutil.pids() if wanted else ():
        with suppress(OSError):
            for fd in os.scandir(f"/proc/{pid}/fd"):
                with suppress(FileNotFoundError):
                    if (inode := wanted.get(os.readlink(fd.path))) is not None:
                        found.setdefault(inode, pid)
    return sorted({found.get(inode, 0) for inode in inodes})


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
        with suppress(FileNotFoundError):  # closed meanwhile
            fds.setdefault(os.readlink(f"/proc/{process.pid}/fd/{fd}"), int(fd))
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        table = Path(f"/proc/{process.pid}/net/{name}")
        lines = table.read_text(encoding="ascii").splitlines()[1:] if table.exists() else []  # no tcp6 without IPv6
        for line in lines:
            _, local, remote, state, queues, *_, inode = line.split()[:10]
            own = fds.get(f"socket:[{inode}]", -1)
            if own >= 0 or int(state, 16) == LISTEN:
                ends, queue = (_end(family, local), _end(family, remote)), int(queues.partition(":")[2], 16)
                found.append(Connection(own, STATES[int(state, 16)], *ends, queue, int(inode)))
    return found


def _end(family: int, text: str) -> Address:
    ip, port = text.split(":")
    words = [int(ip[n : n + 8], 16) for n in range(0, len(ip), 8)]
    return _address(family, socket.htons(int(port, 16)), *words, *[0] * (4 - len(words)))


def _fds(folder: str) -> int:
    return os.stat(folder).st_size or len(os.listdir(folder))  # a size since Linux 6.2, proc_pid_fd(5)


def _extent(ports: set[int], taken: set[int]) -> dict[str, int]:
    """Return how many ports there are, how many from the lowest to the highest, and how many of those are `taken`.

    In network order, both: there may be tens of thousands.
    """
    numbers, all_taken = array("H", ports), array("H", taken)
    if sys.byteorder == "little":
        numbers.byteswap()
        all_taken.byteswap()
    span = range(min(numbers, default=1), max(numbers, default=0) + 1)
    return {"count": len(ports), "span": len(span), "taken": sum(map(span.__contains__, all_taken))}


def _address(family: int, port: int, *words: int) -> Address:
    packed = struct.pack("=4I", *words)
    return _plain(socket.inet_ntop(family, packed[:4] if family == socket.AF_INET else packed), socket.ntohs(port))


def _plain(ip: str, port: int) -> Address:
    """Return the address with an IPv4 one written as such, also where an IPv6 socket has it (RFC 4291, 2.5.5.2)."""
    return (ip[7:] if ip.startswith("::ffff:") and "." in ip else ip), port


def _ephemeral_ports() -> list[int] | None:
    """Return the range of local ports for outgoing connections, ip(7); in the inspector's network namespace."""
    try:
        text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
    except OSError:
        return None
    return [int(word) for word in text.split()]


def descriptor_table(broker: Broker) -> str:
    """Return the process's descriptors in the manner of lsof -p: how many of which kind, and some dozens of lines."""
    process = broker.process
    broker.cgroup.find()
    threads = process.num_threads()
    limits = [f"{one['used']} of {one['limit']} ({one['where']})" for one in broker.threads_limits(threads)]
    sockets = {c.fd: c for c in connections(process)}
    names, kinds = {}, Counter()  # type: dict[int, str], Counter[str]
    for number in sorted(map(int, os.listdir(f"/proc/{process.pid}/fd"))):
        with suppress(FileNotFoundError):  # closed meanwhile
            name, kind = _lsof(os.readlink(f"/proc/{process.pid}/fd/{number}"), sockets.get(number))
            names[number] = name[:MAX_TEXT]
            kinds[kind] += 1
    numbers, first_free = list(names), next(number for number in count() if number not in names)
    around = range(max(0, first_free - AROUND), first_free + AROUND)
    shown = {*numbers[:MAX_FDS], first_free, *names.keys() & set(around), *numbers[-AROUND:]}
    lines, before = [], -1
    for number in sorted(shown):
        lines += ["   ..."] * (number > before + 1) + [f"{number:>6}  {names.get(number, 'free')}"]
        before = number
    soft, hard = ("unlimited" if limit is None else str(limit) for limit in _limits(process.pid, "open files"))
    return "\n".join(
        [
            f"{process.name()}, process {process.pid} of {process.username()}",
            f"descriptors: {len(names)}; threads: {threads}; resident: {process.memory_info().rss} bytes",
            f"limit on descriptors: {soft} (hard: {hard}); on threads: {', '.join(limits)}",
            f"kinds: {', '.join(f'{number} {kind}' for kind, number in kinds.most_common(12))}",
            f"free numbers below {LOW_FDS}: {LOW_FDS - sum(number < LOW_FDS for number in names)}; the first free one: "
            f"{first_free}",
            "    FD  NAME",
            *lines,
        ]
    )


def _lsof(link: str, connection: Connection | None) -> tuple[str, str]:
    """Return what lsof(8) would show of a descriptor, and its kind."""
    if not connection:
        return link, "file" if link.startswith("/") else link.partition(":")[0]
    ends = [f"{ip}:{port}" for ip, port in (connection.laddr, connection.raddr) if port]
    return f"TCP {'->'.join(ends)} ({connection.status})", f"TCP {connection.status}"


def without_secrets(words: list[str]) -> list[str]:
    """Return a command line without passwords: what follows -dbPwd and its like, user and password of a URI."""
    return [
        "***" if PASSWORD.fullmatch(before) else re.sub("://.*@", "://***@", PASSWORD_GIVEN.sub(r"\1***", word))
        for before, word in zip(["", *words], words)
    ]


def _limits(pid: int, what: str) -> list[int | None]:
    """Return soft and hard limit, None for unlimited; prlimit(2) asks for more rights than proc_pid_limits(5)."""
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        words = next(line for line in file if line.startswith(f"Max {what} "))[len(f"Max {what} ") :].split()
    return [int(word) if word.isdigit() else None for word in words[:2]]


def find_broker(process_name: str, port: int) -> Broker:
    """Return the process whose name starts with `process_name`.

    Of several it is the one that listens on `port`, the parent where a child has inherited its sockets; where none
    does, the one of which all others are children.
    """
    everybody = psutil.process_iter(["name", "status", "ppid", "create_time"])
    named = [process for process in everybody if (process.info["name"] or "").startswith(process_name)]
    named = [process for process in named if process.info["status"] != psutil.STATUS_ZOMBIE]
    named.sort(key=lambda process: process.info["create_time"])  # a parent is older
    if not named:
        reason = f"no process on {socket.gethostname()} has a name that starts with {process_name}"
        raise InspectionFailed(reason, NO_PROCESS)
    denied = None
    for process in named:
        try:
            if len(named) == 1 or _listens(process.pid, port):
                return Broker(process, port)
        except PermissionError as error:
            denied = error
        except (FileNotFoundError, ProcessLookupError):
            continue
    if denied:  # it may well be the one
        raise denied
    pids = [process.pid for process in named]
    if all(process.info["ppid"] in pids for process in named[1:]):
        return Broker(named[0], port)
    raise InspectionFailed(f"{len(named)} processes are named {process_name}, none that I may see listens on {port}")


def _listens(pid: int, port: int) -> bool:
    """Tell whether a process listens on a port; nothing else is read, for it may have thousands of sockets."""
    links = set()
    for table in (Path(f"/proc/{pid}/net/tcp"), Path(f"/proc/{pid}/net/tcp6")):
        with suppress(FileNotFoundError), table.open(encoding="ascii") as lines:
            next(lines)
            words = (line.split() for line in lines)
            listening = takewhile(lambda each: int(each[3], 16) == LISTEN, words)  # the kernel lists those first
            links |= {f"socket:[{each[9]}]" for each in listening if int(each[1].rpartition(":")[2], 16) == port}
    with os.scandir(f"/proc/{pid}/fd") as descriptors:  # refused, where it may not be looked into
        return bool(links) and any(_link(fd.path) in links for fd in descriptors)


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except FileNotFoundError:  # closed meanwhile
        return ""


@lru_cache(maxsize=8)
def resolve(listeners: tuple[str, ...]) -> frozenset[Address]:
    """Return the addresses that the "host:port" texts have on this host."""
    found: set[Address] = set()
    for text in listeners:
        host, _, port = text.rpartition(":")
        try:
            addresses = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        except (OSError, ValueError):
            raise InspectionFailed(f"cannot resolve the listener {text} on {socket.gethostname()}") from None
        found.update(_plain(str(address[0]), int(address[1])) for *_, address in addresses)
    return frozenset(found)


# --- What a client may call ---

_lock = threading.Lock()
_brokers: dict[tuple[str, int], Broker] = {}  # the last that was asked for, or none


def inspect(
    port: int, listeners: tuple[str, ...] = (), evidence: bool = False, *, process_name: str = DEFAULT_NAME
) -> str:
    """Return as JSON what is known of the broker's process, or {"error": "<one sentence>", "kind": "<why>"}.

    `kind` is NO_PROCESS, NOT_ALLOWED, KILLED_FOR_MEMORY, KILLED_ON_HOST, or "".

    Connections, by state, {"ESTABLISHED": 5010, ...}: `states`, all; `inbound`, at the local port `port`;
    `to_listeners`, whose remote end is one of `listeners`, "host:port"; `others`, the rest by remote end, most first;
    `listener_ports`: local ports that lead to the listeners, from the lowest to the highest, taken there by anyone.
    `listen_queue`, `listen_backlog`: connections that wait to be accepted at `port`, and how many may, of the fullest
    socket; `also_listening`: pids of others at that port and address, 0 for one that may not be looked into.

    `fds`: open descriptors; `free_below_1024`: free numbers for more; `nofile`: soft limit; `threads`; `rss`: bytes;
    `threads_limits`, `memory_limits`: each that holds, where it is set and what is used of it by whomever it holds for,
    that with the least left first; `threads_refused`, `oom_kills`: by the control group, `host_oom_kills`: anywhere.
    `state`: as in ps(1), T when any of its processes is stopped; `cpu_seconds`: spent; `cpus`: that it may use;
    `throttled_seconds`, `throttled_periods`: by a quota; `host_idle_seconds`: of all CPUs. `listen_overflows`,
    `listen_drops`, `retransmits`, `resets`: counted by the network namespace. `pid`; `name`; `command_line`; `started`:
    seconds since 1970; `ephemeral_ports`: [lowest, highest] for outgoing connections.

    null: there is none, or it cannot be seen. Connections, `fds`, `nofile`, `threads`, `cpu_seconds` and `rss` are the
    sums of the broker and its descendants; a connection they share counts once, pages they share in each one's `rss`.
    Once one of several is at its own limit, `nofile` is what they had open then, all in all: it is used up, even if
    others have some left.
    With `evidence` it is {"evidence": "<text>"} instead: the descriptor table, in at most some dozens of lines.
    """
    try:
        _check(port, listeners, evidence)
        if evidence:
            return json.dumps({"evidence": descriptor_table(find_broker(process_name, port))})
        addresses = resolve(listeners)
        with _lock:
            return json.dumps(_sample(process_name, port, addresses))
    except InspectionFailed as error:
        reason, kind = str(error), error.kind
    except (PermissionError, psutil.AccessDenied):
        reason = f"may not look into {process_name}: run the inspector as the user that runs the broker"
        kind = NOT_ALLOWED
    except (FileNotFoundError, ProcessLookupError, psutil.NoSuchProcess):
        reason, kind = f"{process_name} ended while it was looked at", NO_PROCESS
    except OSError as error:
        reason, kind = f"cannot count the connections of {process_name}: {error}", ""
    return json.dumps({"error": reason, "kind": kind})


def _check(port: object, listeners: object, evidence: object) -> None:
    # exact types: what does not come by value is an object of the client's, with the client's methods
    right = type(port) is int and 0 < port < 65536 and type(evidence) is bool and type(listeners) is tuple
    texts = listeners if type(listeners) is tuple else ()
    if not right or len(texts) > MAX_LISTENERS or not all(type(one) is str and len(one) <= MAX_TEXT for one in texts):
        raise InspectionFailed(f"it takes a port and at most {MAX_LISTENERS} host:port of {MAX_TEXT} characters")


def _sample(process_name: str, port: int, listeners: frozenset[Address]) -> dict[str, Any]:
    known = broker = _brokers.get((process_name, port))
    if not broker or not broker.process.is_running() or broker.process.status() == psutil.STATUS_ZOMBIE:
        try:
            broker = find_broker(process_name, port)
        except InspectionFailed as error:
            raise (known.end(str(error)) if known and error.kind == NO_PROCESS else error) from None
    try:
        seen = broker.sample(listeners)
    except (FileNotFoundError, ProcessLookupError, psutil.NoSuchProcess):
        seen = broker.sample(listeners)  # a child has ended meanwhile, which is no news; or the broker itself
    _brokers.clear()
    _brokers[process_name, port] = broker
    return seen


# --- Clients ---


class InspectorService(rpyc.Service):  # type: ignore[misc]
    """Lets a client call `inspect`, and reach nothing else."""

    def __init__(self, process_name: str) -> None:
        self.process_name = process_name

    def exposed_inspect(self, port: int, listeners: tuple[str, ...] = (), evidence: bool = False) -> str:
        """See `inspect`."""
        return inspect(port, listeners, evidence, process_name=self.process_name)

    def _rpyc_getattr(self, name: str) -> Any:
        if name not in ("inspect", "exposed_inspect"):
            raise AttributeError(f"{name} is not for clients")
        return self.exposed_inspect


CLOSED = {
    **dict.fromkeys(
        ("allow_exposed_attrs", "allow_safe_attrs", "allow_public_attrs", "include_local_traceback"), False
    ),
    "propagate_KeyboardInterrupt_locally": False,
    "sync_request_timeout": CALL_SECONDS,
}


class _Stream(rpyc.SocketStream):  # type: ignore[misc]
    """Reads all or nothing: the socket has a time limit, where RPyC's own would try again for ever."""

    def read(self, count: int) -> bytes:
        data: bytes = self.sock.recv(count, socket.MSG_WAITALL)
        if len(data) < count:
            raise EOFError
        return data


class _Channel(Channel):  # type: ignore[misc]
    """Takes messages of MAX_REQUEST bytes at most, compressed or not."""

    def recv(self) -> bytes:
        length, compressed = self.FRAME_HEADER.unpack(self.stream.read(self.FRAME_HEADER.size))
        if length > MAX_REQUEST:
            raise EOFError
        data: bytes = self.stream.read(length + len(self.FLUSHER))[:length]
        return zlib.decompressobj().decompress(data, MAX_REQUEST) if compressed else data


class Clients:
    """Some of the clients; of more than `most` the one that was silent for longest has to go."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.silent_longest_first: OrderedDict[socket.socket, None] = OrderedDict()
        self.lock = threading.Lock()

    def heard(self, client: socket.socket) -> None:
        """Note that a client is there, or has just asked."""
        with self.lock:
            self.silent_longest_first[client] = None
            self.silent_longest_first.move_to_end(client)
            if len(self.silent_longest_first) > self.most:
                gone, _ = self.silent_longest_first.popitem(last=False)
                with suppress(OSError):
                    gone.shutdown(socket.SHUT_RDWR)  # its thread sees the end, and closes it

    def forget(self, client: socket.socket) -> None:
        """Note that a client has gone."""
        with self.lock:
            self.silent_longest_first.pop(client, None)


class Server:
    """Serves each client in a thread, for ever."""

    def __init__(self, listener: socket.socket, service: InspectorService, token: str) -> None:
        self.listener, self.service, self.token = listener, service, token.encode()
        self.entering, self.inside = Clients(MAX_ENTERING), Clients(MAX_CLIENTS)
        self.quiet_until = 0.0

    def serve(self) -> None:
        """Accept clients; without descriptors or threads left, wait for some."""
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError as error:
                self._pause(f"cannot accept a connection: {error.strerror}")
                continue
            self.entering.heard(client)
            try:
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()
            except RuntimeError as error:
                self.entering.forget(client)
                client.close()
                self._pause(f"cannot serve a connection: {error}")

    def _pause(self, why: str) -> None:
        """Wait a moment; say why, once per minute, to whoever listens."""
        if time.monotonic() > self.quiet_until:
            self.quiet_until = time.monotonic() + 60
            with suppress(OSError):
                print(why, file=sys.stderr, flush=True)
        time.sleep(PAUSE)

    def _serve(self, client: socket.socket) -> None:
        try:
            limit = struct.pack("ll", CALL_SECONDS, 0)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
            if self.token and not self._knows_token(client):
                return
            self.entering.forget(client)
            self.inside.heard(client)
            connection = rpyc.connect_channel(_Channel(_Stream(client)), self.service, CLOSED)
            while connection.serve(IDLE_SECONDS):
                self.inside.heard(client)
        except Exception:
            pass
        finally:
            self.entering.forget(client)
            self.inside.forget(client)
            client.close()

    def _knows_token(self, client: socket.socket) -> bool:
        """Challenge it, as multiprocessing.connection does: what goes over the wire is of no use a second time."""
        challenge = CHALLENGE + os.urandom(32)
        client.sendall(challenge)
        right = hmac.new(self.token, challenge, "sha256").digest()
        return hmac.compare_digest(client.recv(len(right), socket.MSG_WAITALL), right)


# --- Command line ---


def parse_options() -> argparse.Namespace:
    """Return the options; exit code 2 with one sentence when they make no sense."""
    parser = _Parser(description=(__doc__ or "").partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="0: a free one (default: %(default)s)")
    parser.add_argument("--token-file", dest="token", type=_token, help="file with the clients' token")
    parser.add_argument(
        "--process-name",
        type=_name,
        default=DEFAULT_NAME,
        help="start of the name of the broker's process (default: %(default)s)",
    )
    options = parser.parse_args()
    try:
        host = options.host.strip("[]")
        options.address = socket.getaddrinfo(host, options.port, type=socket.SOCK_STREAM)[0][4][0]
    except (OSError, UnicodeError):
        parser.error(f"--host takes an address or a name of this host, not {options.host!r}")
    if not options.token and not ipaddress.ip_address(options.address.partition("%")[0]).is_loopback:
        parser.error("--host: beyond loopback it takes --token-file")
    return options


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with one line; of what it repeats a terminal obeys nothing."""
        self.exit(2, "".join(one if one.isprintable() else "?" for one in f"{self.prog}: error: {message}") + "\n")


def _port(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"takes a number from 0 to 65535, not {text[:40]!r}")
    return int(text)


def _name(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("takes the start of a process's name, not nothing")
    return text


def _token(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(MAX_TOKEN + 1)
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise argparse.ArgumentTypeError(f"takes a file with a token, not {path!r}: {problem}") from None
    if not text.strip() or len(text) > MAX_TOKEN:
        raise argparse.ArgumentTypeError(f"takes a file with a token of 1 to {MAX_TOKEN} characters, not {path!r}")
    return text.strip()


def main() -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP; exit code 1 when the port is taken, 2 for options that make no sense."""
    options = parse_options()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, lambda *_: os._exit(0))
    family = socket.AF_INET6 if ":" in options.address else socket.AF_INET
    both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()  # :: is every address of either kind
    try:
        listener = socket.create_server(
            (options.address, options.port), family=family, backlog=BACKLOG, dualstack_ipv6=both
        )
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        print(f"cannot listen on {options.host}:{options.port} (--host, --port): {reason}", file=sys.stderr)
        sys.exit(1 if error.errno == errno.EADDRINUSE else 2)
    print(f"connection inspector listening on {options.host}:{listener.getsockname()[1]}", flush=True)
    Server(listener, InspectorService(options.process_name), options.token or "").serve()


if __name__ == "__main__":
    main()
