"""Checks of the ordinary client, which was tried once, and of the healthy subscribers.

Only the try tells whether an Orion reaches its database: it answers GET /version without one, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import msgspec

from scenario.peers import kind_of
from scenario.peers.failures import Kind
from scenario.run.found import Found
from scenario.run.results import ERROR, OK, WARNING, Check
from scenario.settings.needs import SPARE_WORKERS

_NEEDED = "an entity is stored, found and removed"
_UNREACHED = "the broker does not reach its database: check that it runs"
_REMEDIES = {
    Kind.NEVER_CONNECTED: "it was started before its database answered: start the database, then restart the broker",
    Kind.NO_DATABASE: _UNREACHED,
    Kind.NOT_STORED: _UNREACHED,
    Kind.NO_ANSWER: "its database may hang: check that it answers",
}


def check_client(found: Found) -> Iterator[Check]:
    """Yield the line of the table, or none if the client was not tried."""
    if problem := found.problems.get("client"):
        remedy = _REMEDIES.get(found.kinds.get("client", Kind.OTHER), "see the broker's log")
        if remedy == _UNREACHED and kind_of(found.options).own_database:
            remedy += ", and -dbURI (-dbhost)"
        yield Check("client", ERROR, problem, _NEEDED, f"{remedy}; or skip it with --no-client")
    elif found.client is not None:
        yield Check("client", OK, f"{_NEEDED} in {found.client:.0f} ms")


def check_healthy(found: Found) -> Iterator[Check]:
    """Check what the healthy subscribers need: a listener that reports their notifications, and a worker."""
    options, what = found.options, "healthy subscribers"
    if problem := found.problems.get("healthy"):
        remedy = "use python -m listener, on the same host or with -admin any, or skip them with --healthy 0"
        yield Check(what, WARNING, problem, "a listener that reports them", remedy)
    pool = found.command_line.pool(options.broker.service)
    if not options.probes.healthy or pool is None:
        return
    slow = options.load.notifications
    shown = f"{pool.workers} workers for {slow} slow receivers"
    if pool.workers > slow:
        yield Check(what, OK, shown)
    else:
        then = "but they are judged" if options.judges_starved else "so they are not judged"
        needed = f"more than {slow}; no worker is left for them, {then}"
        remedy = f"-notificationMode threadpool:60000:{slow + SPARE_WORKERS}, or a pool for the service"
        yield Check(what, WARNING, shown, needed, remedy)


def without_healthy(found: Found) -> Found:
    """Return the same, but without healthy subscribers if their listener does not report their notifications."""
    address = found.options.healthy_address
    stats = found.listeners.get(found.options.listener_for(address))
    if not found.options.probes.healthy or (stats and stats.notified is not msgspec.UNSET):
        return found
    problem = f"none, because the listener at {address} does not report when they are notified"
    options = found.options.changed(healthy=0)
    return replace(found, options=options, problems={**found.problems, "healthy": problem})
