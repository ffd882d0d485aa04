"""What the ordinary client found when it was tried once: a broker without a database answers GET /version, too."""

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
_UNREACHED = "the broker does not reach its database: see that it runs, and -dbURI (-dbhost)"
_REMEDIES = {
    Kind.NEVER_CONNECTED: "it was started before its database answered: start that, then the broker anew",
    Kind.NO_DATABASE: _UNREACHED,
    Kind.NOT_STORED: _UNREACHED,
    Kind.NO_ANSWER: "its database may hang: see that it answers",
}


def client(found: Found) -> Iterator[Check]:
    """Yield the line of the table; none when it was not tried, as when something else was wrong."""
    if problem := found.problems.get("client"):
        remedy = _REMEDIES.get(found.kinds.get("client", Kind.OTHER), "the broker's log may tell why")
        if kind_of(found.options).speaks_ngsild:
            remedy = remedy.partition(", and -db")[0]
        yield Check("client", ERROR, problem, _NEEDED, f"{remedy}; --no-client does without")
    elif found.client is not None:
        yield Check("client", OK, f"{_NEEDED} in {found.client:.0f} ms")


def healthy(found: Found) -> Iterator[Check]:
    """Yield the line on what the healthy subscribers need: a listener that tells of them, and a worker."""
    options, what = found.options, "healthy subscribers"
    if problem := found.problems.get("healthy"):
        remedy = "python -m listener tells, from the same host or with -admin any; --healthy 0 does without"
        yield Check(what, WARNING, problem, "it tells", remedy)
    pool = found.command_line.pool(options.broker.service)
    if not options.probes.healthy or pool is None:
        return
    slow = options.load.subscriptions
    shown = f"{pool.workers} workers for {slow} slow receivers"
    if pool.workers > slow:
        yield Check(what, OK, shown)
    else:
        then = "judged all the same" if options.judges_starved else "and so they are not judged"
        needed = f"more than {slow}: no worker is left for them, {then}"
        remedy = f"-notificationMode threadpool:60000:{slow + SPARE_WORKERS}, or a pool of the service's own"
        yield Check(what, WARNING, shown, needed, remedy)


def without_healthy(found: Found) -> Found:
    """Return the same, without healthy subscribers where their listener could not tell when they are notified."""
    address = found.options.healthy_address
    stats = found.listeners.get(found.options.told_by(address))
    if not found.options.probes.healthy or (stats and stats.notified is not msgspec.UNSET):
        return found
    problem = f"none: the listener at {address} does not tell when they are notified"
    options = found.options.changed(healthy=0)
    return replace(found, options=options, problems={**found.problems, "healthy": problem})
