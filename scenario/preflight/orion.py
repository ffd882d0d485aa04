"""Checks of Orion's command line. Its options and defaults are from its manual."""

from __future__ import annotations

from collections.abc import Iterator

from scenario.run.found import Found
from scenario.run.results import ERROR, WARNING, Check
from scenario.settings.needs import SPARE_WORKERS

CLIENTS = 20  # connections of the test to the broker's port at one time, without the idle clients
RELEASE_MARGIN = 15  # s after --hold until the listeners have answered
IN_ENVIRONMENT = "(use --force if an ORION_ environment variable sets it)"


def check_orion(found: Found) -> Iterator[Check]:
    """Check the command line, if the inspector sees the process."""
    if found.process is not None:
        for look in (_notification_mode, _cycles, _http_timeout, _flags, _cache_refresh):
            yield from look(found)


def _notification_mode(found: Found) -> Iterator[Check]:
    wanted, line = found.options.load.notifications, found.command_line
    needed = f"threadpool:60000:{wanted}"
    remedy = f"start the broker with -notificationMode threadpool:60000:{wanted + SPARE_WORKERS} {IN_ENVIRONMENT}"
    mode, pool = line.argument("-notificationMode"), line.pool(found.options.broker.service)
    if line.mode == "persistent":
        yield Check("notification mode", ERROR, "persistent: one connection for all", needed, remedy)
    elif pool is None:
        yield Check("notification mode", WARNING, mode or "not on the command line: transient", needed, remedy)
    else:
        enough = pool.workers >= wanted and pool.queue + pool.workers >= wanted
        if pool.own:
            needed = f"{found.options.broker.service}:60000:{wanted}"
            own = f"...,{found.options.broker.service}:60000:{wanted + SPARE_WORKERS}"
            remedy = f"the service has its own pool: start the broker with -notificationMode {own}"
        yield Check.judged("notification mode", enough, mode, needed, remedy, found.too_small)


def _cycles(found: Found) -> Iterator[Check]:
    given, least = found.options.load.cycles, found.cycles_to_tell
    if given:
        remedy = (
            f"use --cycles {least}, or fewer workers: cycles in which a worker is used for the first time do not count"
        )
        yield Check.judged("cycles", given >= least, given, f"{least}, to recognize a leak", remedy)


def _http_timeout(found: Found) -> Iterator[Check]:
    given, timeout, delay = found.argument("-httpTimeout"), found.command_line.http_timeout, found.delay
    if delay is None:
        return
    needed = f"above the listener's delay, {delay:g} s"
    if found.options.stepped:
        delay = min(delay, found.options.load.hold + RELEASE_MARGIN)
        needed = f"above {delay:g} s: --hold and a margin"
    shown = f"{timeout} ms" if given else f"{timeout} ms, its default"
    remedy = f"start the broker with -httpTimeout {max(600_000, round(delay * 2000))} {IN_ENVIRONMENT}"
    yield Check.judged("-httpTimeout", timeout > delay * 1000, shown, needed, remedy)


def _flags(found: Found) -> Iterator[Check]:
    needed = [("-multiservice", ERROR, "a database of its own for the service, because it is dropped")]
    if found.options.probes.queue_size:
        needed.append(("-statNotifQueue", WARNING, "given, or the columns of the queue stay empty"))
    for flag, state, why in needed:
        there = flag in found.command_line.words
        remedy = f"start the broker with {flag} {IN_ENVIRONMENT}"
        yield Check.judged(flag, there, "given" if there else "not on the command line", why, remedy, state)
    clients, least = found.command_line.max_connections, found.options.load.idle_connections + CLIENTS
    remedy = f"start the broker with -maxConnections {least} or more, or use fewer --idle-connections"
    needed_clients = f"{least}: --idle-connections and the test's own"
    yield Check.judged("-maxConnections", clients >= least, clients, needed_clients, remedy, WARNING)


def _cache_refresh(found: Found) -> Iterator[Check]:
    """Warn of refreshes of the subscription cache: Orion 4.7.0 makes its clients wait for them."""
    interval = found.command_line.cache_interval
    shown = f"{interval} s" if found.argument("-subCacheIval") else f"{interval} s, its default"
    needed = "0: a refresh after thousands of notifications blocks updates and queries for seconds"
    remedy = f"start the broker with -subCacheIval 0, unless you want to test this {IN_ENVIRONMENT}"
    yield Check.judged("-subCacheIval", not interval, shown, needed, remedy, WARNING)
