"""Finds the processes that hold a socket."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

import psutil

from inspector.proc import link_of

if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST = 1024  # descriptors of each process: one that listens opened its socket when it started


def holders_of(inodes: Iterable[int]) -> dict[int, list[int]]:
    """Return by inode the sorted pids that hold a socket, without processes that may not be read.

    It reads descriptors of all processes, so it is for sockets that are new.
    """
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[int, list[int]] = {inode: [] for inode in wanted.values()}
    for pid in psutil.pids() if wanted else ():
        with suppress(OSError), os.scandir(f"/proc/{pid}/fd") as descriptors:
            for fd in islice(descriptors, FIRST):
                inode = wanted.get(link_of(fd.path))
                if inode is not None and pid not in found[inode]:
                    found[inode].append(pid)
    return found
