"""Answered at once, but a byte per second."""

from __future__ import annotations

from collections.abc import Callable

from listener.behaviours.behaviour import Answering, Behaviour
from listener.connections import Connection
from listener.http import Reply

PAUSE = 1.0  # seconds before each byte


class Dribble(Behaviour):
    """A receiver whose answer never quite ends: a limit on the time without a byte does not catch it."""

    path = "/notify/dribble"

    def __init__(self, _: float, note: Callable[[bytes], bool]) -> None:
        super().__init__(PAUSE, note)

    def finish(self, connection: Connection, server: Answering) -> None:
        """Send the next byte, or the whole rest if only one byte is left or the notification is released."""
        data, close = connection.reply
        if len(data) == 1 or connection.since <= self.released:
            super().finish(connection, server)
        elif server.write(connection, data[:1]):
            connection.reply = Reply(data[1:], close)
            connection.enter(self)
