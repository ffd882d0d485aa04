"""What all behaviours have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol

from listener.connections import Connection, Queue
from listener.http import Reply


class Answering(Protocol):
    """What a behaviour may do with a connection."""

    def answer(self, connection: Connection, reply: Reply) -> None:
        """Send the whole answer, or the rest of one."""

    def write(self, connection: Connection, data: bytes) -> bool:
        """Send some bytes of an answer. Return whether the connection is still open."""

    def close(self, connection: Connection) -> None:
        """Close the connection."""


class Behaviour(Queue):
    """The held notifications of one path, and what is done with each when it is due."""

    path: ClassVar[str]

    def __init__(self, limit: float, note: Callable[[bytes], bool]) -> None:
        super().__init__(limit)
        self.note = note
        self.received = 0  # finished notifications

    def finish(self, connection: Connection, server: Answering) -> None:
        """Answer a notification that is due or released, or do what the behaviour does instead."""
        self.received += 1
        connection.answered = True
        server.answer(connection, connection.reply)
