"""Closed after the delay, without an answer."""

from __future__ import annotations

from listener.behaviours.behaviour import Answering, Behaviour
from listener.connections import Connection


class Hangup(Behaviour):
    """A receiver that gives up, as Go's original does when -delay is longer than -timeout."""

    path = "/notify/hangup"

    def finish(self, connection: Connection, server: Answering) -> None:
        self.received += 1
        server.close(connection)
