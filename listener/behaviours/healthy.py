"""Answered at once, whatever the delay is: a healthy receiver beside the slow ones."""

from __future__ import annotations

from collections.abc import Callable

from listener.behaviours.behaviour import Answering, Behaviour
from listener.connections import Connection
from listener.http import closing


class Healthy(Behaviour):
    """A healthy receiver. It records when each of its notifications arrived (see listener.arrivals).

    It leaves a connection as it found it. A new one is closed, else it would count among those that are held.
    One over which a slow receiver has answered is kept, because its sender keeps it until its next use.
    """

    path = "/healthy"

    def __init__(self, _: float, note: Callable[[bytes], bool]) -> None:
        super().__init__(0, note)

    def finish(self, connection: Connection, server: Answering) -> None:
        self.received += 1
        server.answer(connection, connection.reply if connection.answered else closing(connection.reply))
