"""What the inspector reports about the broker's process."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated

import msgspec

from scenario.peers.answers import Count, Seconds
from scenario.settings.values import MONGO_PORT


class ListenerPorts(msgspec.Struct, frozen=True):
    """Local ports of the connections to the listeners."""

    count: Count
    span: Count  # from the lowest of them to the highest
    taken: Count  # of that span, by anyone on the host


class Remote(msgspec.Struct, frozen=True):
    """A remote address, and the number of connections to it by TCP state."""

    ip: str
    port: Count
    states: dict[str, Count]


class Limit(msgspec.Struct, frozen=True):
    """A limit, what is used of it (threads, or bytes), and where it is set: a file, a sysctl, `ulimit -u`."""

    where: str
    limit: Count
    used: Count

    def remedy(self, threads: int) -> str:
        """Return in words how to let the broker have that many threads."""
        if self.where.startswith("ulimit"):
            return f"start the broker after ulimit -u {threads}"
        if self.where.startswith("sysctl"):
            return f"{self.where}={threads}, or more for what else runs there"
        unit = (*self.where.split("/"), "")[-3]
        if unit.endswith((".service", ".slice", ".scope")):
            return f"systemctl set-property {unit} TasksMax={threads}"
        return f"raise {self.where}; a container's is --pids-limit {threads}"


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `inspect` in setup_scripts/inspector/answer.py, which explains each field.

    Connections are by TCP state, memory is in bytes. None: not available, or no limit. Counters run since the start
    of what they count for: the process, its control group, the host. Older inspectors omit the fields with defaults.
    """

    states: dict[str, Count]
    inbound: dict[str, Count] = {}
    to_listeners: dict[str, Count]
    others: tuple[Remote, ...] = ()  # neither inbound nor to the listeners
    listener_ports: ListenerPorts
    listen_queue: Count | None = None  # connections that wait to be accepted at the broker's port
    listen_backlog: Count | None = None  # and how many may
    also_listening: tuple[Count, ...] = ()  # pids of others at the broker's port; 0: hidden
    fds: Count
    free_below_1024: Count  # descriptor numbers
    nofile: Count | None  # the soft limit
    state: str = ""  # as ps(1) has it: R, S, D, T
    cpu_seconds: Seconds | None = None
    cpus: Seconds | None = None  # that it may use
    throttled_seconds: Seconds | None = None
    throttled_periods: Count | None = None
    host_idle_seconds: Seconds | None = None  # of all its CPUs
    host_busy_seconds: Seconds | None = None
    host_steal_seconds: Seconds | None = None
    host_cpus: Count | None = None
    database_cpu_seconds: Seconds | None = None
    listener_cpu_seconds: Seconds | None = None
    tester_cpu_seconds: Seconds | None = None
    cpu_of_others: dict[str, Seconds] = {}
    threads: Count
    threads_limits: tuple[Limit, ...] = ()  # that with the fewest left comes first
    threads_refused: Count | None = None  # by a limit of its control group
    rss: Count
    memory_limits: tuple[Limit, ...] = ()  # that with the least left comes first
    oom_kills: Count | None = None  # in its control group
    host_oom_kills: Count | None = None
    listener_addresses: dict[str, tuple[str, ...]] = {}  # by host:port, all that its name has had where the broker runs
    unresolved: dict[str, str] = {}  # listeners, host:port, whose name could not be looked up there just now, and why
    lookup_seconds: Seconds | None = None  # that the slowest of their names took there, or has taken until now
    listen_overflows: Count | None = None  # the last six of its network namespace
    listen_drops: Count | None = None
    retransmits: Count | None = None
    resets: Count | None = None
    connect_failures: Count | None = None
    syn_retransmits: Count | None = None
    inspector: Annotated[str, msgspec.Meta(max_length=300)] = ""  # which one: its host, pid and start
    pid: Count
    name: str
    command_line: tuple[str, ...]
    started: Seconds  # s since 1970
    ephemeral_ports: tuple[Count, Count] | None  # lowest and highest for outgoing connections

    def to_listeners_in(self, state: str) -> int | None:
        """Return the connections to the listeners in a TCP state; None while one of their names has no address."""
        return self.to_listeners.get(state, 0) if all(self.listener_addresses.values()) else None

    @property
    def to_database(self) -> int:
        """Established connections to the port of a server that -dbhost or -dbURI names, or to MongoDB's own."""
        named = [value for word, value in pairwise(self.command_line) if word in ("-dbhost", "-dbURI")]
        ports = set(map(int, re.findall(r":([0-9]{1,5})(?=[,/?]|$)", ",".join(named)))) or {MONGO_PORT}
        return sum(remote.states.get("ESTABLISHED", 0) for remote in self.others if remote.port in ports)
