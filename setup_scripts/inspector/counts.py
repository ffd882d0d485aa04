"""The common result of both ways of counting connections."""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from inspector.addresses import Address
    from inspector.netlink import Listening

    Remote = tuple[str, Address]  # TCP state, where a connection leads to

MOST_REMOTES = 8  # addresses that connections lead to, beside the listeners'


class Counted(NamedTuple):
    """The answer of `inspect` on connections; the broker's listening sockets at its port, and all listening sockets."""

    figures: dict[str, Any]
    own: list[Listening]
    listening: list[Listening]


def by_remote(remotes: Counter[Remote], listeners: frozenset[Address]) -> dict[str, Any]:
    """Return the connections to the listeners by state, and up to MOST_REMOTES others by remote address."""
    to_listeners: Counter[str] = Counter()
    others: dict[Address, Counter[str]] = {}
    for (state, remote), n in remotes.items():
        (to_listeners if remote in listeners else others.setdefault(remote, Counter()))[state] += n
    most = sorted(others, key=lambda remote: -sum(others[remote].values()))[:MOST_REMOTES]
    named = [{"ip": ip, "port": port, "states": others[ip, port]} for ip, port in most]
    return {"to_listeners": to_listeners, "others": named}


def extent(ports: set[int], taken: set[int]) -> dict[str, int]:
    """Return the number of ports, the span from the lowest to the highest, and how many of that span are `taken`.

    In network order, both: there may be tens of thousands.
    """
    numbers, all_taken = array("H", ports), array("H", taken)
    if sys.byteorder == "little":
        numbers.byteswap()
        all_taken.byteswap()
    span = range(min(numbers, default=1), max(numbers, default=0) + 1)
    return {"count": len(ports), "span": len(span), "taken": sum(map(span.__contains__, all_taken))}
