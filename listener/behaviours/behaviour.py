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
        """Send some bytes of an answer; tell whether the connection is still there."""

    def close(self, connection: Connection) -> None:
        """Close the connection."""


class Behaviour(Queue):
    """Holds the notifications of one path, and knows what becomes of each when its time has come."""

    path: ClassVar[str]

    def __init__(self, limit: float, note: Callable[[bytes], bool]) -> None:
        super().__init__(limit)
        self.note = note
        self.received = 0  # notifications that are done with

    def finish(self, connection: Connection, server: Answering) -> None:
        """Do what is to be done when a notification is due, or released."""
        self.received += 1
        connection.answered = True
        server.answer(connection, connection.reply)
