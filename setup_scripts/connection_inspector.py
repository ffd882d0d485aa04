#!/usr/bin/env python3
"""Counts the TCP connections of the context broker's process, for the connections stress test, over RPyC.

    python3 connection_inspector.py [--host 127.0.0.1] [--port 18812] [--token-file FILE]

Runs on the broker's host as the user that runs the broker, with psutil and rpyc; needs no root. One file, longer than
the others, because it is copied there alone; to a plain rpyc_classic the client sends it.
"""

# Python 3.8 has no zip(strict=), and pathlib is slow for thousands of descriptors
# ruff: noqa: B905, PTH110, PTH115, PTH116, PTH123, PTH208

from __future__ import annotations

import argparse
import hashlib
import hmac
import ipaddress
import json
import os
import signal
import socket
import struct
import sys
import threading
from collections import Counter
from contextlib import suppress
from functools import lru_cache
from itertools import compress, count, takewhile
from operator import and_
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil
import rpyc
from rpyc.utils.authenticators import AuthenticationError
from rpyc.utils.server import ThreadedServer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Address = tuple[str, int]  # IP, port
    Counts = dict[str, dict[str, int]]

DEFAULT_PORT = 18812  # rpyc_classic's, as in the original manual
LOGIN_SECONDS = 1  # for a client's token
MAX_LISTENERS, MAX_TEXT = 64, 300
MAX_FDS, AROUND = 60, 8  # lines of the descriptor table: from the first one on, and around the first free number
LOW_FDS = 1024  # FD_SETSIZE, select(2)


class InspectionFailed(Exception):
    """Why there are no counts, as one sentence."""


# --- The kernel's list of TCP sockets: sock_diag(7), linux/inet_diag.h ---

NETLINK_SOCK_DIAG, TCPDIAG_GETSOCK = 4, 18  # this request has IPv4 and IPv6 in one walk over the kernel's table
NLM_F_REQUEST_DUMP, NLMSG_ERROR, NLMSG_DONE = 0x301, 2, 3
MESSAGE = 88  # bytes of nlmsghdr and inet_diag_msg; attributes may follow
# net/tcp_states.h, with the names of netstat(8)
STATES = (
    "", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT",
    "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING",
)  # fmt: skip
HELD_STATES = sum(1 << number for number, state in enumerate(STATES) if state not in ("", "TIME_WAIT"))


class Sockets:
    """Some hundred sockets as the kernel gave them, `step` bytes each, read by column; ports in network order."""

    def __init__(self, messages: bytes, step: int) -> None:
        octets = memoryview(messages)
        words, halves = octets.cast("I"), octets.cast("H")
        self.families, self.states = octets[16::step], octets[17::step]
        self.local_ports, self.remote_ports = halves[10 :: step // 2], halves[11 :: step // 2]
        self.remote_words = [words[n :: step // 4] for n in range(10, 14)]
        self.inodes = words[21 :: step // 4]

    def remotes(self) -> Iterator[tuple[int, ...]]:
        """Yield state, family, remote port and remote address in four words."""
        return zip(self.states, self.families, self.remote_ports, *self.remote_words)


def kernel_sockets() -> list[Sockets]:
    """Return the TCP sockets of this network namespace; OSError without sock_diag."""
    body = struct.pack("=B51xII", socket.AF_INET, HELD_STATES, 0)
    found, more = [], True
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(1)
        kernel.send(struct.pack("=IHHII", 16 + len(body), TCPDIAG_GETSOCK, NLM_F_REQUEST_DUMP, 0, 0) + body)
        while more:
            messages, step, more = _of_one_length(kernel.recv(1 << 16))
            found.append(Sockets(messages, step))
    return found


def _of_one_length(answer: bytes) -> tuple[bytes, int, bool]:
    """Return an answer's messages, all of one length, that length, and whether more answers follow."""
    length, kind = struct.unpack_from("=IH", answer)
    if kind == NLMSG_ERROR:
        raise OSError("the kernel does not list its sockets")
    lengths = memoryview(answer).cast("I")[:: length // 4].tolist()
    if lengths.count(length) * length == len(answer) and kind != NLMSG_DONE:
        return answer, length, True
    start, messages = 0, []
    while start < len(answer) and kind != NLMSG_DONE:
        messages.append(answer[start : start + MESSAGE])
        start += length
        length, kind = struct.unpack_from("=IH", answer, start) if start < len(answer) else (0, kind)
    return b"".join(messages), MESSAGE, kind != NLMSG_DONE


# --- The broker's process, and those that it started ---


class Broker:
    """A process and its descendants, and what is remembered between two samples: which sockets are their own.

    To read where 15,000 descriptors lead costs more than all the rest. A socket keeps its inode for life, so while
    the own sockets that are still listed and the descriptors that lead elsewhere add up to all descriptors, none of
    the new sockets can be its own, and nothing else is read. READ_AGAIN samples later all links are read anyway,
    because a socket that was inherited or handed on is not noticed. So are all processes, for descendants; the other
    samples see the children of main threads only, where the kernel tells them (CONFIG_PROC_CHILDREN).
    """

    READ_AGAIN = 30

    def __init__(self, process: psutil.Process) -> None:
        self.process, self.folder = process, f"/proc/{process.pid}/fd"
        self.family: list[psutil.Process] = []  # learned by each sample
        self.full: int | None = None  # all descriptors when the first process had no more left
        self.beside = Path("/proc/self/ns/net").samefile(f"/proc/{process.pid}/ns/net")  # not in a container
        self.by_kernel = False
        if self.beside:
            with suppress(OSError):
                self.by_kernel = bool(kernel_sockets())
        self.is_own: dict[int, bool] = {}
        self.elsewhere: dict[str, str] = {}  # descriptors that lead to none of the listed sockets, and where to
        self.duplicated: dict[str, str] = {}  # descriptors of which those hold duplicates, and where to
        self.samples = 0

    def sample(self, port: int, listeners: frozenset[Address]) -> dict[str, Any]:
        """Return all that `inspect` tells."""
        self._find_family()
        with os.scandir(self.folder) as entries:  # in ascending order, so the first thousand are enough
            low = sum(1 for _ in takewhile(lambda entry: int(entry.name) < LOW_FDS, entries))
        counts = self._by_kernel(port, listeners) if self.by_kernel else self._by_proc(port, listeners)
        with self.process.oneshot():
            if self.process.status() == psutil.STATUS_ZOMBIE:  # what has ended has no connections, which is no count
                raise psutil.NoSuchProcess(self.process.pid)
            return {
                **counts,
                **self._descriptors(),
                "free_below_1024": LOW_FDS - low,
                "nproc": _limits(self.process, psutil.RLIMIT_NPROC)[0],
                "threads": sum(process.num_threads() for process in self.family),
                "rss": sum(process.memory_info().rss for process in self.family),
                "pid": self.process.pid,
                "name": self.process.name(),
                "command_line": self.process.cmdline(),
                "started": self.process.create_time(),
                "ephemeral_ports": _ephemeral_ports() if self.beside else None,
            }

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
            self.is_own, self.elsewhere, self.duplicated, self.full = {}, {}, {}, None

    def _descriptors(self) -> dict[str, Any]:
        """Return `fds` and `nofile` of the whole."""
        each = [_fds(folder) for folder in self.folders]
        limits = [_limits(process, psutil.RLIMIT_NOFILE)[0] for process in self.family]
        soft = None if None in limits else sum(limit or 0 for limit in limits)
        if len(each) > 1 and any(own and fds >= own - 2 - own // 100 for fds, own in zip(each, limits)):
            self.full = self.full or sum(each)
        return {"fds": sum(each), "nofile": self.full or soft}

    def _by_proc(self, port: int, listeners: frozenset[Address]) -> Counts:
        each = (connections(process) for process in self.family)
        listed = {c[1:]: c for some in each for c in some}.values()  # what two of them share, once
        return {
            "states": Counter(c.status for c in listed),
            "to_listeners": Counter(c.status for c in listed if c.raddr in listeners),
            "listener_ports": _extent(
                {c.laddr[1] for c in listed if c.raddr in listeners},
                {c.laddr[1] for c in listed},
            ),
            "from_clients": Counter(c.status for c in listed if c.raddr[1] and c.laddr[1] == port),
        }

    def _by_kernel(self, port: int, listeners: frozenset[Address]) -> Counts:
        on_port = socket.htons(port).__eq__
        at_listener = {socket.htons(listener_port) for _, listener_port in listeners}.__contains__
        states: Counter[int] = Counter()
        to_listeners: Counter[int] = Counter()
        from_clients: Counter[int] = Counter()
        remotes: Counter[tuple[int, ...]] = Counter()
        ports: set[int] = set()
        taken: set[int] = set()
        for some, own in self._sockets():
            states.update(compress(some.states, own))
            from_clients.update(compress(some.states, map(and_, own, map(on_port, some.local_ports))))
            to_listener = list(map(and_, own, map(at_listener, some.remote_ports)))
            remotes.update(compress(some.remotes(), to_listener))
            ports.update(compress(some.local_ports, to_listener))
            taken.update(some.local_ports)
        for (state, *remote), n in remotes.items():
            if _address(*remote) in listeners:
                to_listeners[state] += n
        from_clients.pop(STATES.index("LISTEN"), None)
        counts = {"states": states, "to_listeners": to_listeners, "from_clients": from_clients}
        named = {name: {STATES[state]: n for state, n in found.items()} for name, found in counts.items()}
        return {**named, "listener_ports": _extent(set(map(socket.ntohs, ports)), map(socket.ntohs, taken))}

    def _sockets(self) -> Iterator[tuple[Sockets, Sequence[bool | None]]]:
        """Return the kernel's sockets, and of each whether it is the process's own."""
        sockets = kernel_sockets()
        own = self._whose(sockets)
        self.samples += 1
        unknown = any(None in some for some in own)
        all_found = sum(map(_fds, self.folders)) == sum(some.count(True) for some in own) + len(self.elsewhere)
        if not all_found or self.samples % self.READ_AGAIN == 0 or (unknown and not self._still_elsewhere()):
            sockets = kernel_sockets()
            self._read_links(sockets)
            own = self._whose(sockets)
        elif unknown:  # no descriptor is left that could lead to them
            for some, whose in zip(sockets, own):
                if None in whose:
                    self.is_own.update({inode: False for inode in some.inodes if inode not in self.is_own})
            own = self._whose(sockets)
        return zip(sockets, own)

    def _whose(self, sockets: list[Sockets]) -> list[list[bool | None]]:
        return [list(map(self.is_own.get, some.inodes)) for some in sockets]

    def _still_elsewhere(self) -> bool:
        try:
            watched = {**self.elsewhere, **self.duplicated}
            return all(os.readlink(path) == link for path, link in watched.items())
        except FileNotFoundError:
            return False

    def _read_links(self, sockets: list[Sockets]) -> None:
        """Learn whose each of the `sockets` is; they were listed first, so that none of the own ones is missed."""
        listed = {inode for some in sockets for inode in some.inodes if inode}  # 0: no process holds it any more
        self.is_own, self.elsewhere, self.duplicated = {}, {}, {}
        first: dict[int, str] = {}
        for path in [f"{folder}/{fd}" for folder in self.folders for fd in os.listdir(folder)]:
            with suppress(FileNotFoundError):  # closed meanwhile
                link = os.readlink(path)
                inode = int(link[8:-1]) if link.startswith("socket:[") else 0
                if inode not in listed or inode in self.is_own:  # a duplicate is one more descriptor, no socket
                    self.elsewhere[path] = link
                if inode in first:  # the first may go as well as the duplicate, and its number lead to a new socket
                    self.duplicated[first[inode]] = link
                if inode:
                    self.is_own[inode] = True
                    first.setdefault(inode, path)
        self.is_own = {**dict.fromkeys((0, *listed), False), **self.is_own}


class Connection(NamedTuple):
    """A TCP socket of a process; port 0: it has no such end."""

    fd: int
    status: str
    laddr: Address
    raddr: Address


def connections(process: psutil.Process) -> list[Connection]:
    """Return a process's TCP sockets, proc_pid_net(5); psutil looks for them in the inspector's network namespace."""
    fds, found = {}, []  # type: dict[str, int], list[Connection]
    for fd in os.listdir(f"/proc/{process.pid}/fd"):
        with suppress(FileNotFoundError):  # closed meanwhile
            fds.setdefault(os.readlink(f"/proc/{process.pid}/fd/{fd}"), int(fd))
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        table = Path(f"/proc/{process.pid}/net/{name}")
        lines = table.read_text(encoding="ascii").splitlines()[1:] if table.exists() else []  # no tcp6 without IPv6
        for line in lines:
            _, local, remote, state, *_, inode = line.split()[:10]
            if (own := fds.get(f"socket:[{inode}]")) is not None:
                found.append(Connection(own, STATES[int(state, 16)], _end(family, local), _end(family, remote)))
    return found


def _end(family: int, text: str) -> Address:
    ip, port = text.split(":")
    words = [int(ip[n : n + 8], 16) for n in range(0, len(ip), 8)]
    return _address(family, socket.htons(int(port, 16)), *words, *[0] * (4 - len(words)))


def _fds(folder: str) -> int:
    return os.stat(folder).st_size or len(os.listdir(folder))  # a size since Linux 6.2, proc_pid_fd(5)


def _extent(ports: set[int], taken: Iterable[int]) -> dict[str, int]:
    """Return how many ports there are, how many from the lowest to the highest, and how many of those are `taken`."""
    low, high = min(ports, default=1), max(ports, default=0)
    return {"count": len(ports), "span": high - low + 1, "taken": sum(low <= port <= high for port in taken)}


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


def descriptor_table(process: psutil.Process) -> str:
    """Return the process's descriptors in the manner of lsof -p: how many of which kind, and some dozens of lines."""
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
    nofile, nproc = _limits(process, psutil.RLIMIT_NOFILE), _limits(process, psutil.RLIMIT_NPROC)
    return "\n".join(
        [
            f"{process.name()}, process {process.pid} of {process.username()}",
            f"descriptors: {len(names)}; threads: {process.num_threads()}; resident: {process.memory_info().rss} bytes",
            f"limits [soft, hard], null for none: open files {json.dumps(nofile)}, processes {json.dumps(nproc)}",
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


def _limits(process: psutil.Process, which: int) -> list[int | None]:
    return [None if limit == psutil.RLIM_INFINITY else limit for limit in process.rlimit(which)]


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
        raise InspectionFailed(f"no process on {socket.gethostname()} has a name that starts with {process_name}")
    denied = None
    for process in named:
        try:
            listed = [] if len(named) == 1 else connections(process)
            if len(named) == 1 or any(c.status == "LISTEN" and c.laddr[1] == port for c in listed):
                return Broker(process)
        except PermissionError as error:
            denied = error
        except (FileNotFoundError, ProcessLookupError):
            continue
    if denied:  # it may well be the one
        raise denied
    pids = [process.pid for process in named]
    if all(process.info["ppid"] in pids for process in named[1:]):
        return Broker(named[0])
    raise InspectionFailed(f"{len(named)} processes are named {process_name}, none that I may see listens on {port}")


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


def inspect(process_name: str, port: int, listeners: tuple[str, ...] = (), evidence: bool = False) -> str:
    """Return as JSON what is known of the broker's process, or {"error": "<one sentence>"}.

    `states`, `to_listeners` (the remote end is one of `listeners`, "host:port") and `from_clients` (the local port is
    `port`): connections by state, {"ESTABLISHED": 5010, ...}. `fds`: open descriptors; `free_below_1024`: free numbers
    for more; `nofile`, `nproc`: soft limits, null for none; `threads`; `rss`: bytes; `pid`; `name`; `command_line`:
    list; `started`: seconds since 1970; `ephemeral_ports`: [lowest, highest] for outgoing connections, null where that
    cannot be seen; `listener_ports`: local ports that lead to the listeners, from the lowest to the highest, taken
    there by anyone. Connections, `fds`, `nofile`, `threads` and `rss` are the sums of the broker and its descendants; a
    connection they share counts once, pages they share in each one's `rss`. Once one of several is at its own limit,
    `nofile` is what they had open then, all in all: it is used up, even if others have some left.
    With `evidence` it is {"evidence": "<text>"} instead: the descriptor table, in at most some dozens of lines.
    """
    try:
        _check(process_name, port, listeners, evidence)
        if evidence:
            return json.dumps({"evidence": descriptor_table(find_broker(process_name, port).process)})
        with _lock:
            return json.dumps(_sample(process_name, port, resolve(listeners)))
    except InspectionFailed as error:
        reason = str(error)
    except (PermissionError, psutil.AccessDenied):
        reason = f"may not look into {process_name}: run the inspector as the user that runs the broker"
    except (FileNotFoundError, ProcessLookupError, psutil.NoSuchProcess):
        reason = f"{process_name} ended while it was looked at"
    except OSError as error:
        reason = f"cannot count the connections of {process_name}: {error}"
    return json.dumps({"error": reason})


def _check(process_name: object, port: object, listeners: object, evidence: object) -> None:
    # exact types: what does not come by value is an object of the client's, with the client's methods
    texts = (process_name, *listeners) if type(listeners) is tuple and len(listeners) <= MAX_LISTENERS else ()
    right = [type(text) is str and 0 < len(text) <= MAX_TEXT for text in texts]
    right.append(type(evidence) is bool)
    if len(right) < 2 or not all(right) or type(port) is not int or not 0 < port < 65536:
        raise InspectionFailed(
            f"it takes a name, a port and at most {MAX_LISTENERS} host:port of {MAX_TEXT} characters"
        )


def _sample(process_name: str, port: int, listeners: frozenset[Address]) -> dict[str, Any]:
    broker = _brokers.pop((process_name, port), None)
    if not broker or not broker.process.is_running() or broker.process.status() == psutil.STATUS_ZOMBIE:
        broker = find_broker(process_name, port)
    try:
        seen = broker.sample(port, listeners)
    except (FileNotFoundError, ProcessLookupError, psutil.NoSuchProcess):
        seen = broker.sample(port, listeners)  # a child has ended meanwhile, which is no news; or the broker itself
    _brokers.clear()
    _brokers[process_name, port] = broker
    return seen


class InspectorService(rpyc.Service):  # type: ignore[misc]
    """Lets a client call `inspect`, and reach nothing else."""

    def exposed_inspect(
        self, process_name: str, port: int, listeners: tuple[str, ...] = (), evidence: bool = False
    ) -> str:
        """See `inspect`."""
        return inspect(process_name, port, listeners, evidence)

    def _rpyc_getattr(self, name: str) -> Any:
        if name not in ("inspect", "exposed_inspect"):
            raise AttributeError(f"{name} is not for clients")
        return self.exposed_inspect


CLOSED = dict.fromkeys(
    ("allow_exposed_attrs", "allow_safe_attrs", "allow_public_attrs", "include_local_traceback"), False
)


class Login:
    """RPyC authenticator by token; a client has LOGIN_SECONDS for what it has to send."""

    def __init__(self, token: str) -> None:
        self.expected = hashlib.sha256(token.encode()).digest()

    def __call__(self, client: socket.socket) -> tuple[socket.socket, None]:
        """Return the socket to go on with; AuthenticationError for anyone else, who is then dropped."""
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", LOGIN_SECONDS, 0))
        try:
            if not hmac.compare_digest(client.recv(len(self.expected), socket.MSG_WAITALL), self.expected):
                raise AuthenticationError("no token or a wrong one")
        except OSError as error:
            raise AuthenticationError(str(error)) from None
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 0))
        return client, None


# --- Command line ---


def parse_options() -> argparse.Namespace:
    """Return the options; exit code 2 with one sentence when they make no sense."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0: a free one (default: %(default)s)")
    parser.add_argument("--token-file", help="file with the token that clients have to send")
    options = parser.parse_args()
    if not 0 <= options.port < 65536:
        parser.error("--port is a number from 0 to 65535")
    try:
        options.address = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM)[0][4][0]
        options.login = _login(options.token_file)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    if not options.login and not ipaddress.ip_address(options.address).is_loopback:
        parser.error("beyond loopback it takes --token-file")
    return options


def _login(token_file: str | None) -> Login | None:
    if not token_file:
        return None
    token = Path(token_file).read_text(encoding="utf-8").strip()
    if not token:
        raise ValueError(f"{token_file} is empty")
    return Login(token)


def main() -> None:
    """Serve until SIGTERM or SIGINT; exit code 1 when the port is taken, 2 for options that make no sense."""
    options = parse_options()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    at = {"hostname": options.address, "port": options.port, "ipv6": ":" in options.address}
    try:
        server = ThreadedServer(InspectorService, authenticator=options.login, protocol_config=CLOSED, **at)
        server.listener.listen()  # before the line below says so
    except OSError as error:
        sys.exit(f"cannot listen on {options.host}:{options.port}: {error.strerror}")
    print(f"connection inspector listening on {options.host}:{server.port}", flush=True)
    server.start()


if __name__ == "__main__":
    main()
