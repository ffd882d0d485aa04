#!/usr/bin/env python3
"""Counts the TCP connections of the context broker's process, asked over RPyC by the connections stress test.

Runs on the broker's host, as the user that runs the broker; needs psutil and rpyc, and never root:

    python3 connection_inspector.py [--host 127.0.0.1] [--port 18812] [--token-file FILE]

One file on purpose: it is copied there alone.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import ipaddress
import json
import logging
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections import Counter
from functools import lru_cache
from itertools import compress, takewhile
from pathlib import Path
from typing import Any, Callable, Dict, FrozenSet, Iterable, Iterator, List, Optional, Tuple

import psutil
import rpyc
from rpyc.utils.authenticators import AuthenticationError, SSLAuthenticator
from rpyc.utils.server import ThreadedServer

DEFAULT_PORT = 18812  # rpyc_classic's, as in the original manual
TOKEN_WAIT = 1.0  # seconds that a client has for its token or its TLS handshake
MAX_LISTENERS, MAX_TEXT = 64, 300
LOW_FDS = 1024  # FD_SETSIZE, select(2)
# include/net/tcp_states.h, with the names of netstat(8)
STATES = (
    "", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT",
    "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING",
)  # fmt: skip
TIME_WAIT = STATES.index("TIME_WAIT")


class InspectionFailed(Exception):
    """Why there are no counts, as one sentence."""


# --- the kernel's list of TCP sockets: netlink(7), sock_diag(7) ---

NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20
NLM_F_REQUEST_DUMP = 0x301
NLMSG_ERROR, NLMSG_DONE = 2, 3
MESSAGE = 88  # bytes of nlmsghdr and inet_diag_msg; attributes may follow


class Columns:
    """Some hundred sockets, column by column as the kernel gave them: `step` bytes each, ports in network order."""

    def __init__(self, messages: bytes, step: int, family: int) -> None:
        octets = memoryview(messages)
        words, halves = octets.cast("I"), octets.cast("H")
        remote = 10 if family == socket.AF_INET else 13
        self.states = octets[17::step]
        self.local_ports = halves[10 :: step // 2]
        self.remotes = [halves[11 :: step // 2], *(words[n :: step // 4] for n in range(10, remote + 1))]
        self.inodes = words[21 :: step // 4]


def kernel_sockets() -> Iterator[Columns]:
    """Yield every TCP socket of this network namespace that a process can hold; OSError where there is no sock_diag."""
    states = sum(1 << number for number in range(1, len(STATES)) if number != TIME_WAIT)
    for family in (socket.AF_INET, socket.AF_INET6):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG) as kernel:
            kernel.settimeout(1)
            request = struct.pack("=BBHI48x", family, socket.IPPROTO_TCP, 0, states)
            kernel.send(struct.pack("=IHHII", 72, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP, 0, 0) + request)
            more = True
            while more:
                messages, step, more = _of_one_length(kernel.recv(1 << 16))
                yield Columns(messages, step, family)


def _of_one_length(answer: bytes) -> Tuple[bytes, int, bool]:
    """Return the messages of an answer, all of one length, that length, and whether more will come."""
    length, kind = struct.unpack_from("=IH", answer)
    if kind == NLMSG_ERROR:
        raise OSError("the kernel has no sock_diag for TCP")
    if kind != NLMSG_DONE and len(answer) % length == 0:
        lengths = memoryview(answer).cast("I")[:: length // 4].tolist()
        if lengths.count(length) == len(lengths):
            return answer, length, True
    start, messages, more = 0, [], True
    while start < len(answer):
        length, kind = struct.unpack_from("=IH", answer, start)
        more = kind != NLMSG_DONE
        if more:
            messages.append(answer[start : start + MESSAGE])  # without its attributes
        start += length
    return b"".join(messages), MESSAGE, more


# --- the broker's process ---


class Broker:
    """One process, and which sockets are its own."""

    def __init__(self, process: psutil.Process) -> None:
        self.process = process
        self.folder = f"/proc/{process.pid}/fd"
        self.fds = -1
        self.owned: Dict[int, bool] = {}

    def refresh(self) -> None:
        """Read the links of all descriptors again."""
        self.owned = dict.fromkeys(self._inodes(), True)

    def _inodes(self) -> Iterator[int]:
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for fd in os.listdir(folder):
                try:
                    link = os.readlink(fd, dir_fd=folder)
                except FileNotFoundError:  # closed meanwhile
                    continue
                if link.startswith("socket:["):
                    yield int(link[8:-1])
        finally:
            os.close(folder)

    def counts(self, port: int, listeners: FrozenSet[Tuple[int, ...]]) -> Dict[str, Dict[str, int]]:
        """Return the process's connections by state: all, to `listeners`, and accepted on `port`."""
        self.refresh()
        states: Counter[int] = Counter()
        to_listeners: Counter[int] = Counter()
        from_clients: Counter[int] = Counter()
        local = socket.htons(port)
        for table in kernel_sockets():
            own = list(map(self.owned.get, table.inodes))
            states.update(compress(table.states, own))
            from_clients.update(compress(table.states, map(lambda p, o: o and p == local, table.local_ports, own)))
            ends = Counter(compress(zip(table.states, *table.remotes), own))
            for (state, *remote), count in ends.items():
                if tuple(remote) in listeners:
                    to_listeners[state] += count
        named = {
            name: {STATES[state]: count for state, count in found.items()}
            for name, found in (("states", states), ("to_listeners", to_listeners), ("from_clients", from_clients))
        }
        named["from_clients"].pop("LISTEN", None)
        return named

    def descriptors(self) -> Dict[str, int]:
        """Return how many descriptors are open, and how many numbers below 1024 are free."""
        with os.scandir(self.folder) as entries:  # in ascending order: the first thousand are enough
            low = sum(1 for _ in takewhile(lambda entry: int(entry.name) < LOW_FDS, entries))
        # the count is the size since Linux 6.2
        return {"fds": os.stat(self.folder).st_size or len(os.listdir(self.folder)), "free_below_1024": LOW_FDS - low}

    def figures(self) -> Dict[str, Any]:
        """Return what else is known of the process."""
        with self.process.oneshot():
            return {
                "nofile": self.process.rlimit(psutil.RLIMIT_NOFILE),
                "nproc": self.process.rlimit(psutil.RLIMIT_NPROC),
                "threads": self.process.num_threads(),
                "rss": self.process.memory_info().rss,
                "pid": self.process.pid,
                "name": self.process.name(),
                "command_line": self.process.cmdline(),
                "started": self.process.create_time(),
            }


def find_broker(process_name: str, port: int) -> Broker:
    """Return the process whose name starts with `process_name`; of several, the one that listens on `port`."""
    named = [p for p in psutil.process_iter(["name"]) if (p.info["name"] or "").startswith(process_name)]
    if not named:
        raise InspectionFailed(f"no process has a name that starts with {process_name!r} on {socket.gethostname()}")
    if len(named) > 1:
        named = [process for process in named if _listens(process, port)]
    if not named:
        raise InspectionFailed(f"several processes have a name that starts with {process_name!r}, none listens on {port}")
    return Broker(named[0])


def _listens(process: psutil.Process, port: int) -> bool:
    try:
        connections = process.net_connections(kind="tcp")
    except psutil.Error:
        return False
    return any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in connections)


@lru_cache(maxsize=16)
def resolve(listeners: Tuple[str, ...]) -> FrozenSet[Tuple[int, ...]]:
    """Return the addresses of "host:port" texts as Columns.remotes shows them: port, then one or four words."""
    found = set()
    for text in listeners:
        host, _, port = text.rpartition(":")
        try:
            addresses = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        except (OSError, ValueError, UnicodeError):
            raise InspectionFailed(f"cannot resolve the listener {text!r} on {socket.gethostname()}") from None
        for family, *_, address in addresses:
            packed = socket.inet_pton(family, str(address[0]))
            remote = socket.htons(int(address[1]))
            found.add((remote, *struct.unpack(f"={len(packed) // 4}I", packed)))
            if family == socket.AF_INET:  # as an IPv6 socket shows it, RFC 4291 section 2.5.5.2
                found.add((remote, *struct.unpack("=4I", bytes(10) + b"\xff\xff" + packed)))
    return frozenset(found)


def inspect(process_name: str, port: int, listeners: Iterable[str] = ()) -> str:
    """Return the counts as JSON."""
    try:
        broker = find_broker(process_name, port)
        seen = {**broker.counts(port, resolve(tuple(listeners))), **broker.descriptors(), **broker.figures()}
    except InspectionFailed as error:
        seen = {"error": str(error)}
    except (PermissionError, psutil.AccessDenied):
        seen = {"error": f"may not look into {process_name}: run the inspector as the user that runs the broker"}
    except (OSError, psutil.Error):
        seen = {"error": f"the process {process_name} ended while it was looked at"}
    return json.dumps(seen)


class InspectorService(rpyc.Service):  # type: ignore[misc]
    """Lets a client call inspect and nothing else."""

    def exposed_inspect(self, process_name: str, port: int, listeners: Tuple[str, ...] = ()) -> str:
        """Return the counts as JSON."""
        return inspect(process_name, port, listeners)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    server = ThreadedServer(InspectorService, hostname=options.host, port=options.port)
    server.listener.listen()
    print(f"connection inspector listening on {options.host}:{server.port}", flush=True)
    server.start()


if __name__ == "__main__":
    main()
