"""Answered at once, whatever the delay is: the receiver that has to suffer from none of the others."""

from __future__ import annotations

from collections.abc import Callable

from listener.behaviours.behaviour import Behaviour


class Healthy(Behaviour):
    """A healthy receiver; when each of its notifications arrived is noted (see listener.arrivals)."""

    path = "/healthy"

    def __init__(self, _: float, note: Callable[[bytes], bool]) -> None:
        super().__init__(0, note)
