"""Finds the broker's process."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

import psutil

from inspector.broker import Broker
from inspector.errors import NO_PROCESS, InspectionFailed
from inspector.netlink import LISTEN
from inspector.proc import link_of


def find_broker(process_name: str, port: int) -> Broker:
    """Return the process whose name starts with `process_name`.

    Of several it is the one that listens on `port`, the parent where a child has inherited its sockets; where none
    does, the one of which all others are children. `port` is the one that clients ask, which may be a gateway's: the
    broker's own is then the only one that it listens on.
    """
    everybody = psutil.process_iter(["name", "status", "ppid", "create_time"])
    named = [process for process in everybody if (process.info["name"] or "").startswith(process_name)]
    named = [process for process in named if process.info["status"] != psutil.STATUS_ZOMBIE]
    named.sort(key=lambda process: process.info["create_time"])  # parents are older
    if not named:
        reason = f"no process on {socket.gethostname()} has a name that starts with {process_name}"
        raise InspectionFailed(reason, NO_PROCESS)
    denied = None
    for process in named:
        try:
            ports = _ports(process.pid)
            if len(named) == 1 or port in ports:
                return Broker(process, port if port in ports or len(ports) != 1 else ports.pop())
        except PermissionError as error:
            denied = error
        except (FileNotFoundError, ProcessLookupError):
            continue
    if denied:  # it may be the broker
        raise denied
    pids = [process.pid for process in named]
    if all(process.info["ppid"] in pids for process in named[1:]):
        return Broker(named[0], port)
    raise InspectionFailed(
        f"{len(named)} processes are named {process_name}, but none that I may see listens on {port}"
    )


def _ports(pid: int) -> set[int]:
    """Return the ports that a process listens on. Nothing else is read, because it may have thousands of sockets."""
    listening: dict[str, int] = {}  # port by socket
    for table in (Path(f"/proc/{pid}/net/tcp"), Path(f"/proc/{pid}/net/tcp6")):
        with suppress(FileNotFoundError), table.open(encoding="ascii") as lines:
            next(lines)
            words = (line.split() for line in lines)
            first = takewhile(lambda each: int(each[3], 16) == LISTEN, words)  # the kernel lists those first
            listening.update((f"socket:[{each[9]}]", int(each[1].rpartition(":")[2], 16)) for each in first)
    with os.scandir(f"/proc/{pid}/fd") as descriptors:  # refused, where it may not be looked into
        links = (link_of(fd.path) for fd in descriptors) if listening else ()
        return {listening[link] for link in links if link in listening}
