"""Causes of NGSI-LD brokers: clients that wait for slow receivers, dropped and lost notifications.

They ask for what was seen; what a kind is known for is asked only where nothing that was seen could tell.
"""

from __future__ import annotations

from scenario.peers import kind_of
from scenario.verdict.causes.cause import ALIVE, HEALTHY, LOAD, NOK, Cause
from scenario.verdict.evidence import Evidence
from scenario.verdict.of_broker import threads_taken
from scenario.verdict.of_notifications import late

_WORK_LATER = "let receivers take a notification at once and work on it later, or put something between that does"


def _same_late(e: Evidence) -> bool:
    same = e.same_update
    return bool(same.wanted and same.measured) and same.slowest > e.hold.options.healthy_limit


def _deaf(e: Evidence) -> bool:
    return e.same_update.connecting_when_late > 0 and not e.same_update.held_when_late


def _held(e: Evidence) -> bool:
    return e.same_update.held_when_late > 0


def _single(e: Evidence) -> bool | None:
    """Whether never more than one was held, though there were more. If there was one, its kind tells."""
    same = e.same_update
    return None if same.held is None else same.held <= 1 and (e.load.expected > 1 or same.known_to_hold == 1)


def _wait(e: Evidence) -> str:
    return (
        f"healthy subscribers of another entity were notified up to {e.healthy.latest / 1000:.1f} s late in "
        f"{len(e.healthy.late)} rows, in which up to {e.same_update.held_when_late} notifications were held"
    )


def _timeout(e: Evidence) -> str:
    timeout = kind_of(e.hold.options).timeout
    return f", for {timeout:g} s each at most" if timeout else ""


NGSILD = (
    Cause(
        name="deaf-receivers",
        says="receivers that take no connection keep everybody waiting, for as long as each try to connect lasts",
        needs=[late, _deaf],
        supposes=ALIVE,
        explains=HEALTHY,
        evidence=lambda e: (
            f"healthy subscribers of another entity waited up to {e.healthy.latest / 1000:.1f} s in "
            f"{len(e.healthy.late)} rows, in which {e.same_update.connecting_when_late} connections to receivers were "
            f"not answered (SYN_SENT) and none was held; its kind tries {kind_of(e.hold.options).tries} times"
        ),
        remedy="remove subscriptions whose receivers are gone, or have something refuse their connections: "
        "a refused one fails at once",
        distinguished_by="the inspector's count of connections to the listeners",
    ),
    Cause(
        name="one-notification-at-a-time",
        says="the broker sends one notification at a time, to all receivers together",
        needs=[late, _held, _single],
        unless=[_deaf],
        supposes=ALIVE,
        explains=HEALTHY,
        evidence=lambda e: f"{_wait(e)}{_timeout(e)}",
        remedy=f"{_WORK_LATER}, such as a queue",
        distinguished_by="what the listeners hold",
    ),
    Cause(
        name="one-update-at-a-time",
        says="the broker works off one update at a time: the next one waits until all its receivers have answered",
        needs=[late, _held, lambda e: not e.same_update.shares_address],
        unless=[_deaf, _single],
        supposes=ALIVE,
        explains=HEALTHY,
        evidence=_wait,
        remedy=f"{_WORK_LATER}, such as a queue; spread slow receivers over more addresses",
        distinguished_by="what the listeners hold",
    ),
    Cause(
        name="client-of-few",
        says="the broker's client has few connections for a receiver's address: the others wait for them",
        needs=[
            lambda e: late(e) or _same_late(e),
            lambda e: (
                e.same_update.known_to_hold is not None
                and e.same_update.held == e.same_update.known_to_hold < e.load.expected
            ),
            lambda e: e.same_update.shares_address,
        ],
        unless=[_deaf, _single],
        supposes=ALIVE,
        explains=HEALTHY,
        evidence=lambda e: f"never more than {e.same_update.held} held of {e.load.expected}; {_wait(e)}",
        remedy="give healthy receivers addresses of their own: another port is another address",
    ),
    Cause(
        name="breaker",
        says="the broker drops notifications of receivers that did not answer in time",
        needs=[
            lambda e: kind_of(e.hold.options).breaker,
            lambda e: e.same_update.gave_up,
            lambda e: (e.listeners.never_arrived or 0) > e.load.few and not e.same_update.waiting,
        ],
        supposes=ALIVE,
        explains=LOAD,
        evidence=lambda e: (
            f"it gave up {e.same_update.gave_up} after {kind_of(e.hold.options).timeout:g} s each, and "
            f"{e.listeners.never_arrived} of {e.load.expected} were never sent"
        ),
        remedy="have receivers answer in time; what was dropped they have to read from the broker",
    ),
    Cause(
        name="changes-lost",
        says="the broker lost changes: it had answered their updates, and notified nobody of them",
        needs=[
            lambda e: e.hold.options.load.updates > 1 and e.hold.progress.update and not e.hold.progress.missing,
            lambda e: (e.listeners.never_arrived or 0) > 0 and e.same_update.lost,
        ],
        supposes=ALIVE,
        explains=LOAD,
        evidence=lambda e: (
            f"{e.hold.options.load.updates} updates at once were answered rightly; {e.listeners.never_arrived} of "
            f"{e.load.expected} notifications never came, and nothing was held at the end"
            + (f"; its kind's queue takes {most} changes" if (most := kind_of(e.hold.options).most_changes) else "")
        ),
        remedy="send fewer updates at once, or all entities in one batch",
    ),
    Cause(
        name="server-threads",
        says="the threads that serve clients are taken by notifications",
        needs=[lambda e: bool(e.version.silent), threads_taken],
        supposes=ALIVE,
        explains=NOK,
        evidence=lambda e: (
            f"{e.hold.options.load.updates} updates at once, each worked off in one of "
            f"{kind_of(e.hold.options).server_threads} threads; GET failed in {len(e.version.silent)} rows"
        ),
        remedy="give it more of them (coraine: -cps), and a shorter time limit for receivers (-dtmo)",
    ),
    Cause(
        name="deleted-subscriptions",
        says="the broker goes on notifying subscriptions that were removed, until its queue is empty",
        needs=[lambda e: e.hold.progress.still_sent],
        explains=LOAD,
        evidence=lambda e: f"{e.hold.progress.still_sent} came after the removal had been answered",
        remedy="wait until nothing more comes before another test; nothing else empties its queue but a restart",
    ),
)
