"""Counts a process's connections from the kernel's list of sockets."""

from __future__ import annotations

import os
import socket
from collections import Counter
from contextlib import suppress
from itertools import compress, repeat
from typing import TYPE_CHECKING, NamedTuple

from inspector.addresses import address_of
from inspector.counts import Counted, by_remote, extent
from inspector.netlink import LISTEN, STATES, Listening, Sockets, kernel_sockets
from inspector.proc import number_of_fds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inspector.addresses import Address
    from inspector.counts import Remote

UNKNOWN, OF_OTHERS, NOT_LISTED, INBOUND = range(-1, 3)  # groups of sockets; beyond, each remote address has its own


class Seen(NamedTuple):
    """What there is to see of the kernel's sockets."""

    counted: Counter[tuple[int, int]]  # by group and state; without those OF_OTHERS
    ports: set[int]  # local ones that lead to the listeners, and all; in network order
    taken: set[int]
    listening: list[Listening]
    sockets: list[Sockets]
    groups: list[list[int]]


class KernelCounts:
    """Counts, and remembers between two samples the group of each socket.

    A group is what others have, what is inbound at the broker's port, or all that leads to one remote address. To read
    where 15,000 descriptors lead costs more than all the rest. A socket keeps its inode for life, and its ends, so
    while the own sockets that are still listed and the descriptors that lead elsewhere add up to all descriptors, none
    of the new sockets can be its own, and nothing else is read. READ_AGAIN samples later all links are read anyway,
    because a socket that was inherited or handed on is not noticed.
    """

    def __init__(self, port: int, folders: list[str]) -> None:
        self.port = port
        self.folders = folders  # with the descriptors of each process
        self.groups: dict[int, int] = {}  # by inode
        self.remotes: dict[int, Address] = {}  # by group
        self.elsewhere: dict[str, str] = {}  # descriptors that lead to none of the listed sockets, and where to
        self.duplicated: dict[str, str] = {}  # descriptors of which those hold duplicates, and where to

    def count(self, listeners: frozenset[Address], read_again: bool) -> Counted:
        """Return the connections of the processes whose descriptors are in `folders`; OSError without sock_diag."""
        counted, ports, taken, listening, *_ = self._sockets(listeners, read_again)
        states: Counter[str] = Counter()
        inbound: Counter[str] = Counter()
        remotes: Counter[Remote] = Counter()
        for (group, number), n in counted.items():
            state = STATES[number]
            if group != UNKNOWN:
                states[state] += n
            if group == INBOUND and number != LISTEN:
                inbound[state] += n
            elif group in self.remotes and number != LISTEN:
                remotes[state, self.remotes[group]] += n
        figures = {
            "states": states,
            "inbound": inbound,
            **by_remote(remotes, listeners),
            "listener_ports": extent(ports, taken),
        }
        own = [one for one in listening if one.port == self.port and self.groups.get(one.inode)]
        return Counted(figures, own, listening)

    def _sockets(self, listeners: frozenset[Address], read_again: bool) -> Seen:
        """Return what there is to see of the kernel's sockets."""
        seen = self._look(kernel_sockets(), listeners)
        unknown = sum(n for (group, _), n in seen.counted.items() if group == UNKNOWN)
        all_found = sum(map(number_of_fds, self.folders)) == sum(seen.counted.values()) - unknown + len(self.elsewhere)
        if not all_found or read_again or (unknown and not self._still_elsewhere()):
            sockets = list(kernel_sockets())
            self._read_links(sockets)
            return self._look(sockets, listeners)
        if unknown:  # no descriptor is left that could lead to them
            for some, group_of in zip(seen.sockets, seen.groups):
                if UNKNOWN in group_of:
                    self.groups.update({inode: OF_OTHERS for inode in some.inodes if inode not in self.groups})
        return seen

    def _look(self, sockets: Iterable[Sockets], listeners: frozenset[Address]) -> Seen:
        """Look at some hundred at a time, all at once: later they are no longer in the processor's cache."""
        seen = Seen(Counter(), set(), set(), [], [], [])
        to_listeners = {group for group, remote in self.remotes.items() if remote in listeners}.__contains__
        for some in sockets:
            group_of = list(map(self.groups.get, some.inodes, repeat(UNKNOWN)))
            seen.counted.update(compress(zip(group_of, some.states), group_of))
            seen.ports.update(compress(some.local_ports, map(to_listeners, group_of)))
            seen.taken.update(some.local_ports)
            seen.listening.extend(some.listening())
            seen.sockets.append(some)
            seen.groups.append(group_of)
        return seen

    def _still_elsewhere(self) -> bool:
        try:
            watched = {**self.elsewhere, **self.duplicated}
            return all(os.readlink(path) == link for path, link in watched.items())
        except FileNotFoundError:
            return False

    def _read_links(self, sockets: list[Sockets]) -> None:
        """Learn the group of each socket; they were listed first, so that none of the own ones is missed."""
        listed = {inode for some in sockets for inode in some.inodes if inode}  # 0: no process holds it any more
        self.groups, self.elsewhere, self.duplicated = {}, {}, {}
        first: dict[int, str] = {}
        for path in [f"{folder}/{fd}" for folder in self.folders for fd in os.listdir(folder)]:
            with suppress(FileNotFoundError):  # closed meanwhile
                link = os.readlink(path)
                inode = int(link[8:-1]) if link.startswith("socket:[") else 0
                if inode not in listed or inode in first:  # a duplicate is one more descriptor, no socket
                    self.elsewhere[path] = link
                if inode in first:  # the first may go as well as the duplicate, and its number lead to a new socket
                    self.duplicated[first[inode]] = link
                if inode:
                    first.setdefault(inode, path)
        self.groups = {**dict.fromkeys((0, *listed), OF_OTHERS), **dict.fromkeys(first, NOT_LISTED)}
        groups: dict[tuple[int, ...], int] = {}
        for some in sockets:
            rows = zip(some.inodes, some.local_ports, some.remotes())
            for inode, port, remote in compress(rows, map(first.__contains__, some.inodes)):
                away = port != socket.htons(self.port)
                self.groups[inode] = groups.setdefault(remote, INBOUND + 1 + len(groups)) if away else INBOUND
        self.remotes = {group: address_of(*remote) for remote, group in groups.items()}
