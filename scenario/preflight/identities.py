"""Several peers behind one name: they answer in turn, and each reports only itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from scenario.errors import StressTestError
from scenario.peers import listeners
from scenario.peers.broker import Broker
from scenario.peers.inspector import Inspector
from scenario.run.found import Found
from scenario.run.results import ERROR, Check
from scenario.settings.options import Options

SAME_START = 3  # s: the most by which uptimes of one broker differ
_ANSWERS = 8  # if two peers share a name or port, both answer at least once in 99 of 100 cases
_TIME = 2.0  # s for all of them

_T = TypeVar("_T")


def uptimes(broker: Broker) -> tuple[int, ...]:
    """Return the uptime that each of several answers implies for the time of the first one, in seconds."""
    answers = [(broker.uptime(version), passed) for version, passed in _answers(broker.ask_version)]
    return tuple(round(uptime - passed) for uptime, passed in answers if uptime is not None)


def inspectors(options: Options) -> tuple[str, ...]:
    """Return the ids of the inspectors that answer."""
    return _different(lambda: _inspector(options))


def listener_ids(address: str) -> tuple[str, ...]:
    """Return the ids of the listeners that answer at host:port."""
    return _different(lambda: stats.id if (stats := listeners.stats(address)) else "")


def check_identities(found: Found) -> Iterator[Check]:
    """Report names behind which several peers answer."""
    options = found.options
    first, last = min(found.uptimes, default=0), max(found.uptimes, default=0)
    if last - first > SAME_START and (options.probes.connection_info or options.probes.queue_size):
        remedy = "set --host to one of them, because only one process and queue are measured"
        seen = f"one has run for {first} s, another for {last} s"
        yield Check("several brokers", ERROR, seen, "one", remedy)
    if len(found.inspectors) > 1:
        remedy = "set --inspector to the one on the broker's host"
        yield Check("several inspectors", ERROR, ", ".join(found.inspectors), "one", remedy)
    for address, ids in found.listener_ids.items():
        if len(ids) > 1:
            seen = f"{len(ids)} listeners answer in turn: {', '.join(ids)}"
            remedy = "give --notify-url the address of each, separated by commas"
            yield Check(f"several listeners at {address}", ERROR, seen, "one", remedy)


def _inspector(options: Options) -> str:
    inspector = Inspector.of(options)
    try:
        return inspector.inspect().inspector
    finally:
        inspector.close()


def _different(ask: Callable[[], str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(identity for identity, _ in _answers(ask) if identity))


def _answers(ask: Callable[[], _T]) -> Iterator[tuple[_T, float]]:
    """Ask several times over new connections. Yield each answer and the seconds since the first question."""
    began = time.monotonic()
    for _ in range(_ANSWERS):
        passed = time.monotonic() - began
        if passed > _TIME:
            return
        try:
            yield ask(), passed
        except StressTestError:
            continue
