"""Who answers: several peers behind one name are asked in turn, and each tells only of itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from scenario.errors import StressTestError
from scenario.peers import broker_of, listeners
from scenario.peers.inspector import Inspector
from scenario.run.found import Found
from scenario.run.results import ERROR, Check
from scenario.settings.options import Options

SAME_START = 3  # s: by what the uptimes that one broker tells differ at most
_ANSWERS = 8  # of two that share a name, or a port, both have been asked then, but once in a hundred times
_TIME = 2.0  # s for them

_T = TypeVar("_T")


def uptimes(options: Options) -> tuple[int, ...]:
    """Return for how many seconds the broker had run at the first of several answers, as each of them tells."""
    broker = broker_of(options)
    told = [(broker.uptime(version), passed) for version, passed in _answers(broker.ask_version)]
    return tuple(round(uptime - passed) for uptime, passed in told if uptime is not None)


def inspectors(options: Options) -> tuple[str, ...]:
    """Return the different inspectors that answer, as they call themselves."""
    return _different(lambda: _inspector(options))


def listener_ids(address: str) -> tuple[str, ...]:
    """Return the different listeners that answer at host:port, as they call themselves."""
    return _different(lambda: told.id if (told := listeners.stats(address)) else "")


def check_identities(found: Found) -> Iterator[Check]:
    """Say where there are several."""
    options = found.options
    first, last = min(found.uptimes, default=0), max(found.uptimes, default=0)
    if last - first > SAME_START and (options.probes.connection_info or options.probes.queue_size):
        remedy = "name one of them by --host: it is one whose process and queue are counted"
        seen = f"one has run for {first} s, another for {last} s"
        yield Check("several brokers", ERROR, seen, "one", remedy)
    if len(found.inspectors) > 1:
        remedy = "--inspector names the one that is on the broker's host"
        yield Check("several inspectors", ERROR, ", ".join(found.inspectors), "one", remedy)
    for address, ids in found.listener_ids.items():
        if len(ids) > 1:
            seen = f"{len(ids)} of them answer, each for itself: {', '.join(ids)}"
            remedy = "--notify-url names each by an address of its own, separated by commas"
            yield Check(f"several listeners at {address}", ERROR, seen, "one", remedy)


def _inspector(options: Options) -> str:
    inspector = Inspector.of(options)
    try:
        seen = inspector.inspect()
        return seen.inspector
    finally:
        inspector.close()


def _different(ask: Callable[[], str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(told for told, _ in _answers(ask) if told))


def _answers(ask: Callable[[], _T]) -> Iterator[tuple[_T, float]]:
    """Ask several times, each over a new connection; yield the answers, and after how many seconds each was asked."""
    began = time.monotonic()
    for _ in range(_ANSWERS):
        passed = time.monotonic() - began
        if passed > _TIME:
            return
        try:
            yield ask(), passed
        except StressTestError:
            continue
