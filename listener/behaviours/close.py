"""Closed at once, without an answer."""

from __future__ import annotations

from collections.abc import Callable

from listener.behaviours.hangup import Hangup


class Close(Hangup):
    """A receiver that breaks down whenever it is notified."""

    path = "/notify/close"

    def __init__(self, _: float, note: Callable[[bytes], bool]) -> None:
        super().__init__(0, note)
