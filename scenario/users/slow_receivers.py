"""Whether the slow receivers have answered the notifications of the update, according to their listeners."""

from __future__ import annotations

from collections.abc import Sequence

from scenario.peers.broker import update_number
from scenario.peers.listeners import figures_of, notified_of, stats

FEW = 0.01  # of the notifications


class SlowReceivers:
    """Those that are notified of the update that is sent at `trigger` (s since the epoch).

    A receiver that tells nothing, such as the original's listener in Go, is left out. Where workers are fewer than
    notifications, the receivers hold nothing for a moment between two of a worker: so each look counts for itself.
    """

    def __init__(self, addresses: Sequence[str], trigger: int) -> None:
        self._addresses = addresses
        self._first_update = update_number(trigger)
        self.have_answered = False

    def look(self) -> None:
        """Ask the listeners. Raises ListenerError."""
        known = {address: found for address in self._addresses if (found := stats(address))}
        notified = notified_of(known)
        sent = notified["notifications"] if notified.get("update", 0) >= self._first_update else 0
        self.have_answered = sent > 0 and figures_of(known)["held"] <= FEW * sent
