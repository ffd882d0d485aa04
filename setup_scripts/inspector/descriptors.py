"""The table of the broker's descriptors, the evidence of a failure."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

from inspector.broker import LOW_FDS
from inspector.by_proc import connections
from inspector.proc import rlimits

if TYPE_CHECKING:
    from inspector.broker import Broker
    from inspector.by_proc import Connection

MAX_NAME = 300  # characters
MAX_FDS, AROUND = 60, 8  # lines of the descriptor table: from the first one on, and around the first free number


def descriptor_table(broker: Broker) -> str:
    """Return the process's descriptors like lsof -p: their number by kind, and some dozens of lines."""
    process = broker.process
    broker.cgroup.find()
    threads = process.num_threads()
    limits = [f"{one['used']} of {one['limit']} ({one['where']})" for one in broker.threads_limits(threads)]
    sockets = {c.fd: c for c in connections(process)}
    names, kinds = {}, Counter()  # type: dict[int, str], Counter[str]
    for number in sorted(map(int, os.listdir(f"/proc/{process.pid}/fd"))):
        with suppress(FileNotFoundError):  # closed meanwhile
            name, kind = _lsof(os.readlink(f"/proc/{process.pid}/fd/{number}"), sockets.get(number))
            names[number] = name[:MAX_NAME]
            kinds[kind] += 1
    numbers, first_free = list(names), next(number for number in count() if number not in names)
    around = range(max(0, first_free - AROUND), first_free + AROUND)
    shown = {*numbers[:MAX_FDS], first_free, *names.keys() & set(around), *numbers[-AROUND:]}
    lines, before = [], -1
    for number in sorted(shown):
        lines += ["   ..."] * (number > before + 1) + [f"{number:>6}  {names.get(number, 'free')}"]
        before = number
    soft, hard = ("unlimited" if limit is None else str(limit) for limit in rlimits(process.pid, "open files"))
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
    """Return a descriptor as lsof(8) shows it, and its kind."""
    if not connection:
        return link, "file" if link.startswith("/") else link.partition(":")[0]
    ends = [f"{ip}:{port}" for ip, port in (connection.laddr, connection.raddr) if port]
    return f"TCP {'->'.join(ends)} ({connection.status})", f"TCP {connection.status}"
