"""The broker's port: its queue, and who else listens there."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psutil

from inspector.netlink import Listening

if TYPE_CHECKING:
    from inspector.counts import Counted


class AtPort:
    """What listens at the broker's port."""

    def __init__(self) -> None:
        self.strangers: list[int] = []  # sockets of others that listen there
        self.stranger_pids: list[int] = []

    def look(self, counted: Counted) -> dict[str, Any]:
        """Return the queue of the broker's port, and who else listens there."""
        own = counted.own
        ips = {one.ip for one in own}
        strangers = [
            one.inode
            for one in counted.listening
            if one not in own and (ips & {one.ip, "0.0.0.0", "::"} or (ips and one.ip in ("0.0.0.0", "::")))
        ]
        if strangers != self.strangers:
            self.strangers, self.stranger_pids = strangers, _holders(strangers)
        fullest = max(own, key=lambda one: one.queue, default=Listening("", 0, None, 0))
        return {
            "listen_queue": fullest.queue if own else None,
            "listen_backlog": fullest.backlog,
            "also_listening": self.stranger_pids,
        }


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
