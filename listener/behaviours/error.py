"""Answered at once, with an error."""

from __future__ import annotations

from collections.abc import Callable

from listener.behaviours.behaviour import Answering, Behaviour
from listener.connections import Connection
from listener.http import failure


class Error(Behaviour):
    """A receiver that fails: `500 Internal Server Error`."""

    path = "/notify/500"

    def __init__(self, _: float, note: Callable[[bytes], bool]) -> None:
        super().__init__(0, note)

    def finish(self, connection: Connection, server: Answering) -> None:
        self.received += 1
        server.answer(connection, failure(500))
