"""Causes between the broker and its receivers. The broker is not at fault, so they are INCONCLUSIVE."""

from __future__ import annotations

from scenario.verdict.causes.cause import ALIVE, CPU, DESCRIPTORS, HEALTHY, HELD, LOAD, OWN_COUNTS, Cause
from scenario.verdict.evidence import Evidence
from scenario.verdict.evidence.counters import above
from scenario.verdict.of_notifications import (
    answered_between,
    late_by_listener,
    repeated,
    several_listeners,
    unreached_listeners,
)
from scenario.verdict.thresholds import AT_ONCE, LOOKUP


def _unreached(e: Evidence) -> str:
    missing = f"{e.listeners.never_arrived} of {e.load.expected} notifications never arrived"
    names = f"{', '.join(e.process.unresolved)} has no address there" if e.process.unresolved else ""
    hang = f"{e.process.connecting} connections to the listeners hang in SYN_SENT" if e.process.connecting else ""
    failed = f"{e.queue.sent_error} failed for the broker" if e.queue.sent_error else ""
    return "; ".join(filter(None, (missing, names, hang, failed, "Locust reached the listeners all the time")))


def _at_once(e: Evidence) -> bool | None:
    # Healthy notifications blur the broker's count; where they outnumber the load, as good as all is never below half
    least = max(e.load.expected - e.load.few - e.load.healthy_per_second - 1, e.load.expected / 2)
    return e.held.fell_short and above(e.way.answered_at_once, least)


def _between_words(e: Evidence) -> str:
    given = e.way.answered_between
    arrived = e.listeners.never_arrived
    never = f"; {arrived} of {e.load.expected} never reached a listener" if arrived else ""
    return f"the broker counts {given} answers that no listener had given by then{never}"


def _limbo(e: Evidence) -> bool | None:
    """Whether healthy notifications were late although there were enough workers."""
    return bool(e.healthy.late) and e.listeners.named and (None if e.queue.backlog is None else not e.queue.backlog)


BEHIND = (
    Cause(
        name="several-listeners",
        says="several listeners answer in turn under one name, and Locust sees only one at a time",
        needs=[several_listeners],
        explains=LOAD | HELD | HEALTHY,
        outside=True,
        evidence=lambda e: (
            f"different ones at {e.listeners.several}; of {e.load.expected} notifications the one that was asked "
            f"had {e.listeners.notified or 0}"
        ),
        remedy="give each of them its own --notify-url",
        distinguished_by="a listener that tells its id: python -m listener",
    ),
    Cause(
        name="listeners-not-reached",
        says="the broker cannot reach the receivers, although Locust can",
        needs=[unreached_listeners],
        unless=[lambda e: e.limits.out_of_ports, lambda e: bool(e.queue.rejected)],
        supposes=ALIVE | OWN_COUNTS | DESCRIPTORS,
        explains=LOAD | HELD | HEALTHY,
        outside=True,
        evidence=_unreached,
        remedy="try the URL with curl on the broker's host: names, routes and firewalls may differ there",
        distinguished_by="the broker's connections: the inspector, or -statNotifQueue",
    ),
    Cause(
        name="answered-for-receivers",
        says="something between the broker and its receivers answers in their stead",
        needs=[answered_between],
        unless=[several_listeners],
        supposes=ALIVE | OWN_COUNTS,
        explains=LOAD | HELD | HEALTHY,
        outside=True,
        evidence=_between_words,
        remedy="see the proxy or the mesh between them: its time limit and its answers; "
        "or whether the receivers' name leads elsewhere from the broker's host",
    ),
    Cause(
        name="answered-at-once",
        says="the receivers answer at once, so the broker has nothing to hold",
        needs=[_at_once],
        unless=[lambda e: answered_between(e) or False, lambda e: bool(e.queue.rejected or e.queue.backlog)],
        supposes=ALIVE | OWN_COUNTS,
        explains=HELD,
        outside=True,
        evidence=lambda e: (
            f"{e.way.answered_at_once} of {e.load.expected} were answered within {AT_ONCE} s of the update"
        ),
        remedy="start the listener with a delay: python -m listener -delay 5m",
    ),
    Cause(
        name="repeated",
        says="something between the broker and its receivers sent notifications again",
        needs=[repeated],
        supposes=ALIVE | OWN_COUNTS,
        explains=LOAD,
        outside=True,
        evidence=lambda e: f"the broker sent {e.load.expected} once, and {e.way.repeated} of them arrived once more",
        remedy="check the proxy or mesh between them: it must not retry a POST",
    ),
    Cause(
        name="listener-hangs",
        says="a listener answered nobody for a while, so healthy subscribers waited for it",
        needs=[late_by_listener],
        explains=HEALTHY,
        outside=True,
        evidence=lambda e: (
            f"in {sum(bool(row.listener and row.listener.failures) for row in e.hold.rows)} rows it did not answer "
            f"Locust either; the slowest healthy notification took {e.healthy.latest / 1000:.1f} s"
        ),
        remedy="check the listener's host: its CPU, and whether somebody stopped the process",
    ),
    Cause(
        name="name-server",
        says="notifications leave late although workers are free: resolving the receivers' name takes long",
        needs=[_limbo, lambda e: above(e.process.lookup, LOOKUP)],
        supposes=ALIVE | DESCRIPTORS | CPU,
        explains=HEALTHY,
        outside=True,
        evidence=lambda e: (
            f"a lookup took {e.process.lookup or 0:.1f} s on the broker's host; the slowest healthy notification "
            f"{e.healthy.latest / 1000:.1f} s, with none queued"
        ),
        remedy="check the name server of the broker's host (resolv.conf), or use an address in --notify-url",
        distinguished_by="how long the receivers' name takes to resolve on the broker's host",
    ),
)
