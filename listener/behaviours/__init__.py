"""Behaviours for notifications, one file each, selected by the path of the request.

    any other path   answered after -delay                       slow
    /notify/random   answered after 0 to -delay, at random       random_delay
    /notify/never    never answered                              never
    /notify/dribble  answered at once, a byte per second         dribble
    /notify/hangup   closed after -delay, without an answer      hangup
    /notify/close    closed at once, without an answer           close
    /notify/reset    reset at once                               reset
    /notify/500      answered at once, `500`                     error
    /healthy         answered at once, its arrival noted         healthy

A receiver that does not accept connections has a port of its own: -deaf. A release ends what is held: it answers the
notifications that were to be answered, and closes the connections of the others.
"""

from __future__ import annotations

from collections.abc import Callable

from listener.behaviours.behaviour import Answering, Behaviour
from listener.behaviours.close import Close
from listener.behaviours.dribble import Dribble
from listener.behaviours.error import Error
from listener.behaviours.hangup import Hangup
from listener.behaviours.healthy import Healthy
from listener.behaviours.never import Never
from listener.behaviours.random_delay import RandomDelay
from listener.behaviours.reset import Reset
from listener.behaviours.slow import Slow

__all__ = ["PATHS", "Answering", "Behaviour", "Behaviours"]

_CLASSES = (Slow, RandomDelay, Never, Dribble, Hangup, Close, Reset, Error, Healthy)
PATHS = [behaviour.path for behaviour in _CLASSES]


class Behaviours:
    """The behaviours of one process; `delay` in s. `note` records each body, `note_healthy` those of /healthy."""

    def __init__(self, delay: float, note: Callable[[bytes], bool], note_healthy: Callable[[bytes], bool]) -> None:
        self.all: list[Behaviour] = [kind(delay, note_healthy if kind is Healthy else note) for kind in _CLASSES]
        self._paths = {behaviour.path.encode(): behaviour for behaviour in self.all}
        self._slow = self.all[0]

    def release(self, until: float) -> None:
        """Make due what came until then, in seconds of time.monotonic()."""
        if until != self._slow.released:
            for behaviour in self.all:
                behaviour.released = until

    def of(self, path: bytes) -> Behaviour:
        """Return the behaviour of a path."""
        if path in self._paths:
            return self._paths[path]
        segments = path.split(b"/", 3)
        above = self._paths.get(b"/".join(segments[:2]), self._slow)
        return self._paths.get(b"/".join(segments[:3]), above)
