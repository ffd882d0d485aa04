"""The run's events. Each record is published once, on the master or in the only process, to all listeners.

    from scenario.run import events
    from scenario.run.samples import VersionSample

    def slow(sample, **_):
        if sample.latency and sample.latency > 500:
            print(sample)

    events.on(VersionSample, slow)

Listeners are called with the record, and with `at`: when it arrived, s since the epoch on the master's clock. One that
raises stops no other: it ends up in the verdict, as Unforeseen.

A record leaves this process in many ways, so it is made harmless here, once: no text of it has a password or a control
character.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from scenario.errors import OutputError
from scenario.run.records import Evidence, Refused, Trouble, Unforeseen
from scenario.settings.secrets import shown

Listener = Callable[..., object]
_listeners: dict[type, list[Listener]] = {}
_log = logging.getLogger(__name__)


def on(kind: type, listener: Listener) -> None:
    """Call `listener(record, at=...)` for each record of a kind. Listeners for `object` hear all records first."""
    _listeners.setdefault(kind, []).append(listener)


def forget() -> None:
    """Forget all listeners, before an independent run."""
    _listeners.clear()


def fire(record: Any, at: float) -> None:
    """Call the listeners in the order of their registration, then publish the failures of listeners."""
    record = shown(record, lines=isinstance(record, Evidence | Refused))
    failures: list[Trouble | Unforeseen] = []
    for listener in [*_listeners.get(object, ()), *_listeners.get(type(record), ())]:
        try:
            listener(record, at=at)
        except OutputError as error:
            failures.append(Trouble(str(error)))
        except Exception as error:
            _log.exception("a listener to %s failed", type(record).__name__)
            failures.append(Unforeseen(f"a listener to {type(record).__name__}", repr(error)))
    if not isinstance(record, Unforeseen):
        for failure in failures:
            fire(failure, at)
