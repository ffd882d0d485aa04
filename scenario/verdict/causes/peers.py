"""Causes in the broker's peers: its database and the listeners. Also the inspector."""

from __future__ import annotations

from scenario.peers.failures import Kind
from scenario.settings.needs import SPARE
from scenario.verdict.causes.cause import ALL, CLIENT, ENDED, HELD, LOAD, MEASURED, REACHED, SLOW, Cause
from scenario.verdict.evidence import Evidence
from scenario.verdict.of_broker import (
    cache_refresh,
    long_wait,
    neighbours_busy,
    refresh_seen_at,
    too_little_cpu,
    was_stopped,
)
from scenario.verdict.of_notifications import too_few_arrived


def unreachable(e: Evidence) -> list[str]:
    """Return which listeners could not be reached, why, and in how many rows."""
    return [f"{at}: {kind.value} in {rows} rows" for (at, kind), rows in e.listeners.unreachable.items()]


def accepted(e: Evidence) -> str:
    """Return how many connections the listeners took."""
    return f"it took {e.listeners.accepted} of the {e.held.number} connections that the broker holds"


def _trouble(e: Evidence) -> bool:
    return bool(e.database.trouble)


def _hanging(e: Evidence) -> str:
    rows, asked = e.database.hanging, e.database.asked
    between = f"from second {rows[0].since_trigger} to {rows[-1].since_trigger}"
    pings = f"; a ping of it took {e.database.ping:.0f} ms at most" if e.database.ping else ""
    return f"no answer to the ordinary client in {len(rows)} of {len(asked)} rows, {between}{pings}"


def _refresh(e: Evidence) -> str:
    waits = {second: wait for second, wait in (e.queue.refresh_waits or {}).items() if refresh_seen_at(e, second)}
    slowest = max(e.update.slowest, e.query.slowest)
    ping = f", a ping of the database {e.database.ping:.0f} ms" if e.database.ping else ""
    waited = (
        f"requests waited {max(waits.values(), default=0):.1f} s for the cache in one of {e.queue.refreshes} refreshes"
    )
    return f"an update or a query took {slowest:.0f} ms or got no answer; {waited}{ping}"


def _start_database(e: Evidence) -> str:
    if e.database.trouble and e.database.trouble.kind == Kind.NEVER_CONNECTED:
        return "start it, then the broker anew: it was started before its database answered"
    return "start it, and see that the broker's -dbhost (-dbURI) and --mongo name the same one"


PEERS = (
    Cause(
        name="database-hangs",
        says="the broker's database hangs: updates and queries wait for it, while GET /version is answered",
        needs=[lambda e: len(e.database.hanging) > 1],
        unless=[
            _trouble,
            lambda e: bool(e.version.nok or e.version.slow) and too_little_cpu(e),
            lambda e: e.database.slow_ping is False,
            lambda e: neighbours_busy(e) and not long_wait(e),
            was_stopped,
            cache_refresh,
        ],
        supposes=REACHED,
        explains=CLIENT | SLOW | ENDED,
        evidence=_hanging,
        remedy="check the database's host, disk and locks; Orion sets no time limit for a query",
    ),
    Cause(
        name="cache-refresh",
        says="clients wait while the broker refreshes its subscription cache (-subCacheIval)",
        needs=[cache_refresh],
        unless=[_trouble, lambda e: e.database.slow_ping or False],
        supposes=REACHED,
        explains=CLIENT | SLOW,
        evidence=_refresh,
        remedy="start the broker with -subCacheIval 0, and it has no refreshes; a faster database makes them shorter",
        distinguished_by="the broker's semaphores (-statSemWait), and the refreshes of its cache",
    ),
    Cause(
        name="database-away",
        says="the broker's database was away for a while",
        needs=[_trouble, lambda e: bool(e.database.away)],
        explains=CLIENT | SLOW,
        evidence=lambda e: (
            f"from second {(e.database.away or (0, 0))[0]} to {(e.database.away or (0, 0))[1]}: {e.database.trouble}"
        ),
        remedy="check its log for an election or a restart, and the time limits in the broker's -dbURI",
    ),
    Cause(
        name="database-down",
        says="the broker's database does not answer",
        needs=[_trouble],
        unless=[lambda e: bool(e.database.away)],
        explains=CLIENT | SLOW | ENDED,
        evidence=lambda e: str(e.database.trouble),
        remedy=_start_database,
    ),
    Cause(
        name="multiservice",
        says="the broker does not keep subscriptions in the service's database, so they pile up run after run",
        needs=[lambda e: e.hold.progress.left],
        explains=ENDED,
        evidence=lambda e: f"{e.hold.progress.left} are left after its database was dropped",
        remedy="start the broker with -multiservice; if it has that, --mongo names another database than the broker's",
    ),
    Cause(
        name="privilege",
        says="the inspector may not look into the broker's process",
        needs=[lambda e: e.process.unseen[Kind.NOT_ALLOWED]],
        explains=MEASURED | HELD,
        evidence=lambda e: f"it said so in {e.process.unseen[Kind.NOT_ALLOWED]} of {len(e.hold.rows)} rows",
        remedy="run the inspector as the broker's user: sudo -u orion python3 setup_scripts/inspector",
    ),
    Cause(
        name="listener-down",
        says="a listener is down or cannot be reached",
        needs=[unreachable],
        explains=ALL,
        evidence=lambda e: f"{', '.join(unreachable(e))}; {e.queue.sent_error or 0} notifications failed",
        remedy="start it where --notify-url says: python -m listener -delay 5m",
    ),
    Cause(
        name="listener-nofile",
        says="the listener ran out of file descriptors, before the broker did",
        needs=[too_few_arrived],
        explains=LOAD | HELD,
        evidence=lambda e: f"{accepted(e)}; accept failed {e.listeners.pauses} times",
        remedy=lambda e: f"start it after ulimit -n {max(e.load.wanted, e.listeners.nofile or 0) + SPARE}",
    ),
)
