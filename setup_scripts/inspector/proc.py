"""What the kernel reports on a process and its host: proc(5)."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

TICKS, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
NETWORK_COUNTERS = {
    "listen_overflows": "ListenOverflows",
    "listen_drops": "ListenDrops",
    "retransmits": "RetransSegs",
    "resets": "EstabResets",
    "connect_failures": "AttemptFails",
    "syn_retransmits": "TCPSynRetrans",
}


class Stat(NamedTuple):
    """Fields of proc_pid_stat(5): state as in ps(1), CPU in s (with ended children), RSS in bytes."""

    state: str
    cpu_seconds: float
    threads: int
    rss: int

    @classmethod
    def of(cls, pid: int) -> Stat:
        """Read the file. Raises OSError if there is no such process."""
        with open(f"/proc/{pid}/stat", "rb") as file:
            words = file.read().rpartition(b")")[2].split()
        return cls(words[0].decode(), sum(map(int, words[11:15])) / TICKS, int(words[17]), int(words[21]) * PAGE)


def rlimits(pid: int, what: str) -> list[int | None]:
    """Return soft and hard limit, None for unlimited; prlimit(2) asks for more rights than proc_pid_limits(5)."""
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        words = next(line for line in file if line.startswith(f"Max {what} "))[len(f"Max {what} ") :].split()
    return [int(word) if word.isdigit() else None for word in words[:2]]


def number_of_fds(folder: str) -> int:
    """Return the number of descriptors in a folder such as /proc/1/fd."""
    return os.stat(folder).st_size or len(os.listdir(folder))  # a size since Linux 6.2, proc_pid_fd(5)


def link_of(path: str) -> str:
    """Return the target of a link, "" if it is gone."""
    try:
        return os.readlink(path)
    except FileNotFoundError:  # closed meanwhile
        return ""


def network_counters(pid: int) -> dict[str, int | None]:
    """Return the counters of the process's network namespace: nstat(8)."""
    found: dict[str, str] = {}
    for name, protocol in (("netstat", "TcpExt:"), ("snmp", "Tcp:")):
        with suppress(OSError), open(f"/proc/{pid}/net/{name}", encoding="ascii") as file:
            found.update(dict(zip(*(line.split() for line in file if line.startswith(protocol)))))
    return {name: int(found[theirs]) if theirs in found else None for name, theirs in NETWORK_COUNTERS.items()}


def ephemeral_ports() -> list[int] | None:
    """Return the range of local ports for outgoing connections, ip(7); in the inspector's network namespace."""
    try:
        text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
    except OSError:
        return None
    return [int(word) for word in text.split()]


def oom_kills_of_host() -> int | None:
    """Return how many processes the kernel has killed on this host because memory ran out."""
    return highest([table_of("/proc/vmstat").get("oom_kill")])


def number_in(path: str) -> int | None:
    """Return the number in a file; None without one, for "max", and for what version 1 has instead of that."""
    first = next(iter(table_of(path)), "")
    return int(first) if first.isdigit() and int(first) < 1 << 62 else None


def highest(values: Iterable[list[str] | None]) -> int | None:
    """Return the highest of the first words, None without any."""
    return max((int(words[0]) for words in values if words), default=None)


def table_of(path: str) -> dict[str, list[str]]:
    """Return the words of each line by its first word; empty if there is no such file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.split() for line in file]
    except OSError:
        return {}
    return {words[0].rstrip(":"): words[1:] for words in lines if words}
