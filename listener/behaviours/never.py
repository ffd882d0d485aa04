"""Never answered."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from listener.behaviours.behaviour import Answering, Behaviour
from listener.connections import Connection


class Never(Behaviour):
    """A receiver that accepts the notification and never answers."""

    path = "/notify/never"

    def __init__(self, _: float, note: Callable[[bytes], bool]) -> None:
        super().__init__(inf, note)

    def finish(self, connection: Connection, server: Answering) -> None:
        self.received += 1
        server.close(connection)
