"""Listening sockets, and the limit on descriptors."""

from __future__ import annotations

import errno
import resource
import socket
import sys
from typing import Any, NoReturn

from listener.output import printable

ALL_THE_SYSTEM_ALLOWS = 2**31 - 1  # listen(2) cuts it to net.core.somaxconn


def raise_descriptor_limit() -> tuple[int, int]:
    """Raise the soft limit on open files to the hard one; return the soft limit before and now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return soft, hard


def listen(host: str, ports: range, processes: int) -> list[list[socket.socket]]:
    """Return, per process, one listening socket per port. Exit with one sentence if that fails.

    The exit code is 1 if a port is taken, otherwise 2. An empty host stands for all addresses: IPv4, and IPv6 if the
    system has it. Port 0 stands for a free one.
    """
    rows: list[list[socket.socket]] = [[] for _ in range(processes)]
    for port in ports:
        try:
            family, address = _resolve(host, port)
            alone = _bind(family, address, shared=False)
            if processes == 1:
                rows[0].append(alone)
                continue
            address = alone.getsockname()
            alone.close()  # it found the port free, which a shared one does not notice
            for row in rows:
                row.append(_bind(family, address, shared=True))
        except (OSError, UnicodeError) as error:
            _exit(host, port, "-port", error)
    return rows


def listen_deaf(host: str, port: int) -> list[socket.socket]:
    """Return a listening socket and the one connection that fills its queue. Exit if that fails.

    No process accepts. On Linux, tcp(7), further SYNs get no answer, because the queue has room for one.
    """
    try:
        listening = _bind(*_resolve(host, port), shared=False, backlog=0)
        return [listening, socket.create_connection(listening.getsockname()[:2], timeout=5)]
    except (OSError, UnicodeError) as error:
        _exit(host, port, "-deaf", error)


def name(listening: socket.socket) -> str:
    """Return `host:port` of a listening socket."""
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _resolve(host: str, port: int) -> tuple[int, tuple[Any, ...]]:
    """Return the family and the address to bind. If a name has several addresses, prefer IPv4, as Go does."""
    if not host:
        return (socket.AF_INET6, ("::", port)) if socket.has_dualstack_ipv6() else (socket.AF_INET, ("0.0.0.0", port))
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, *_, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return family, address


def _exit(host: str, port: int, option: str, error: OSError | UnicodeError) -> NoReturn:
    text = error.strerror if isinstance(error, OSError) else "no name of a host"
    reason = (text or str(error)).partition(" (while")[0].lower()
    where = printable(host) or "*"
    print(f"listener: cannot listen on {where}:{port} (-host, {option}): {reason}", file=sys.stderr)
    sys.exit(1 if getattr(error, "errno", 0) == errno.EADDRINUSE else 2)


def _bind(
    family: int, address: tuple[Any, ...], *, shared: bool, backlog: int = ALL_THE_SYSTEM_ALLOWS
) -> socket.socket:
    listening = socket.create_server(
        address,
        family=family,
        backlog=backlog,
        reuse_port=shared,
        dualstack_ipv6=address[0] == "::",
    )
    listening.setblocking(False)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted connections inherit it
    return listening
