"""Requests to the listeners: for their stats, for what arrived, and to answer what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
import requests

from scenario.errors import ListenerError
from scenario.peers.answers import Answer, Count, Seconds, WrongShapeError, ask, parse
from scenario.peers.failures import Kind, of_exception

Number = Annotated[int, msgspec.Meta(ge=0, le=10**18 - 1)]  # of 18 digits, as a notification tells it
Word = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Arrivals = Annotated[tuple[tuple[Number, Word, Number, Word], ...], msgspec.Meta(max_length=1000)]

# A listener is asked by its name, too, but takes only names that no website in a browser could ask it by
HOST = {"Host": "localhost"}

_SUMMED = "held", "accepted", "received", "out_of_descriptors", "abandoned"
Id = Annotated[str, msgspec.Meta(max_length=100)]


class ListenerLimits(msgspec.Struct, frozen=True):
    """A listener's limit on open files."""

    nofile_soft: Annotated[int, msgspec.Meta(ge=-1, le=2**63 - 1)]


class Notified(msgspec.Struct, frozen=True):
    """The newest update that a listener was notified of: its number, and different subscriptions that it reached.

    `doubled` of these were notified more than once. `forgotten` notifications were too many to tell.
    """

    update: Number
    notifications: Count
    subscriptions: Count
    doubled: Count
    forgotten: Count


class ListenerStats(msgspec.Struct, frozen=True):
    """What GET /-/stats of a listener tells: counters since its start, what it holds now, how it was started (s)."""

    held: Count
    accepted: Count
    received: Count
    out_of_descriptors: Count
    abandoned: Count
    delay: Seconds
    timeout: Seconds
    limits: ListenerLimits
    notified: Notified | msgspec.UnsetType | None = msgspec.UNSET  # None: of no update yet; unset: it never tells
    id: Id = ""  # drawn at its start; older listeners tell none


class News(msgspec.Struct, frozen=True):
    """What arrived at a listener's /healthy after a position; `clock` is what the listener's shows (s).

    An arrival is its update's number, a number for its subscription, when it was sent and how long it took (us).
    """

    arrivals: Arrivals
    next: Annotated[str, msgspec.Meta(pattern=r"^[0-9]+(\.[0-9]+)*$", max_length=20_000)]
    left: Count  # arrivals that are there, too
    clock: Seconds


class _Release(msgspec.Struct, frozen=True):
    token: str


class _Released(msgspec.Struct, frozen=True):
    released: Count


def stats(address: str) -> ListenerStats | None:
    """Return the stats of the listener at host:port; None for another kind of receiver. Raises ListenerError.

    Another kind, such as the original's, answers this request as late as any other.
    """
    try:
        return read_stats(_ask("GET", f"http://{address}/-/stats"))
    except WrongShapeError:
        return None
    except ListenerError as error:
        if error.kind == Kind.NO_ANSWER:
            return None
        raise


def read_stats(answer: Answer) -> ListenerStats:
    """Return the stats in an answer. Raises WrongShapeError."""
    if answer.status != 200:
        raise WrongShapeError(str(answer))
    return parse(answer.body, ListenerStats)


def arrivals(address: str, after: str) -> News:
    """Return what arrived at /healthy after a position; with "" after now. Raises ListenerError."""
    answer = _ask("GET", f"http://{address}/-/healthy{after and '?after=' + after}")
    try:
        return answer.parsed(News)
    except WrongShapeError:
        raise ListenerError(f"the listener at {address} does not tell of /healthy: {answer}") from None


def release(address: str) -> int:
    """Have a listener answer and close what it holds. Return the number of notifications. Raises ListenerError."""
    url = f"http://{address}/-/release"
    try:
        token = parse(_ask("GET", url).body, _Release).token
    except WrongShapeError:
        token = ""  # it will say itself what it wants
    answer = _ask("POST", f"{url}?close", {"Release-Token": token})
    try:
        return parse(answer.body, _Released).released
    except WrongShapeError:
        refused = f"the listener at {address} does not take POST /-/release: HTTP {answer.status}"
        raise ListenerError(f"{refused} (is it told -admin any?)") from None


def _ask(method: str, url: str, headers: Mapping[str, str] | None = None) -> Answer:
    try:
        return ask(method, url, {**HOST, **(headers or {})})
    except requests.RequestException as error:
        failure = of_exception(error)
        raise ListenerError(str(failure), failure.kind) from None


def figures_of(by_address: Mapping[str, ListenerStats]) -> dict[str, int]:
    """Return the sums of the listeners' counters, of their stats by host:port."""
    return {name: sum(getattr(stats, name) for stats in _different(by_address)) for name in _SUMMED}


def notified_of(by_address: Mapping[str, ListenerStats]) -> dict[str, int]:
    """Return what all listeners were notified of the newest update that one of them knows; 0: of none yet.

    Empty if one of them does not report it.
    """
    each = [stats.notified for stats in _different(by_address)]
    known = [of for of in each if isinstance(of, Notified)]
    if not each or msgspec.UNSET in each or any(of.forgotten for of in known):
        return {}
    newest = max((of.update for of in known), default=0)
    of_newest = [of for of in known if of.update == newest]
    return {
        "update": newest,
        "notifications": sum(of.notifications for of in of_newest),
        "notified": sum(of.subscriptions for of in of_newest),
        "doubled": sum(of.doubled for of in of_newest),
    }


def _different(by_address: Mapping[str, ListenerStats]) -> list[ListenerStats]:
    """Return each listener's stats once. A listener with several ports reports the same at each."""
    return [*{stats.id or address: stats for address, stats in by_address.items()}.values()]
