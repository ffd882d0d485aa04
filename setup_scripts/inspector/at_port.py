"""The broker's port: its queue, and who else listens there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inspector.holders import holders_of
from inspector.netlink import Listening

if TYPE_CHECKING:
    from inspector.counts import Counted


class AtPort:
    """What listens at the broker's port."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.strangers: list[int] = []  # sockets of others that listen there
        self.stranger_pids: list[int] = []

    def look(self, counted: Counted) -> dict[str, Any]:
        """Return the queue of the broker's port, and who else listens there."""
        own = counted.own
        ips = {one.ip for one in own}
        others = [one for one in counted.listening if one.port == self.port and one not in own]
        strangers = [
            one.inode for one in others if ips & {one.ip, "0.0.0.0", "::"} or (ips and one.ip in ("0.0.0.0", "::"))
        ]
        if strangers != self.strangers:
            held = holders_of(strangers)
            pids = {(held[inode] or [0])[0] for inode in strangers}  # 0: it may not be looked into
            self.strangers, self.stranger_pids = strangers, sorted(pids)
        fullest = max(own, key=lambda one: one.queue, default=Listening("", 0, 0, None, 0))
        return {
            "listen_queue": fullest.queue if own else None,
            "listen_backlog": fullest.backlog,
            "also_listening": self.stranger_pids,
        }
