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
        return bool(links) and any(link_of(fd.path) in links for fd in descriptors)
