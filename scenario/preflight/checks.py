"""What has to hold before a run: a table of checks over what the preflight found.

An error keeps the run from starting (unless --force), a warning does not. Sources: Orion's manual for its options and
their defaults.
"""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Iterable, Iterator

from scenario.errors import PreflightError
from scenario.peers import broker_of
from scenario.peers.failures import Kind
from scenario.preflight import database
from scenario.preflight.client import client, healthy
from scenario.preflight.identities import check_identities
from scenario.preflight.limits import check_limits
from scenario.preflight.names import check_names
from scenario.run.found import Found
from scenario.run.results import ERROR, OK, WARNING, Check
from scenario.settings.needs import SPARE, SPARE_WORKERS
from scenario.settings.options import SEEDERS, Options
from scenario.settings.secrets import shown

LINUX_PORTS = 32768, 60999  # for outgoing connections to one address, ip(7)
CLIENTS = 20  # connections of the test to the broker's port, at one time, beside the idle clients
RELEASE_MARGIN = 15  # s after --hold by which the listeners have let go
IN_ENVIRONMENT = "(--force when an ORION_ variable of the broker's environment sets it)"


def checks(found: Found) -> list[Check]:
    """Return the table: broker, process and its command line, limits, listeners, database, this process."""
    return shown([check for look in _TABLE for check in look(found)])  # what the JSON of an answer stood for, too


def require(table: Iterable[Check], force: bool = False) -> None:
    """Raise PreflightError when there is an error in the table; with `force` only for one that it does not override."""
    errors = [check for check in table if check.state == ERROR and (not force or check.what == database.CONTENTS)]
    if errors:
        raise PreflightError("\n".join(f"{check.what}: {check.found}; {check.remedy}" for check in errors))


def _users(found: Found) -> Iterator[Check]:
    if found.absent_users:
        remedy = "start locust without class names and without --class-picker"
        yield Check("user classes", ERROR, f"{found.absent_users[0]} is missing", "all of them", remedy)


def _broker(found: Found) -> Iterator[Check]:
    options = found.options
    if found.version is None:
        yield Check("broker", ERROR, found.problems["broker"], "GET /version answers", _remedy(found))
        return
    yield Check("broker", OK, f"{options.broker.host}, {broker_of(options).name(found.version)}")


def _access(found: Found) -> Iterator[Check]:
    """Warn of what nobody verifies."""
    if found.options.broker.access.insecure and found.options.broker.host.startswith("https:"):
        remedy = "leave out --insecure; --ca-file names the CA certificates of your own"
        yield Check("TLS", WARNING, "NOT VERIFIED: whoever answers is taken for the broker", "a verified one", remedy)


def _remedy(found: Found) -> str:
    """Say what makes the broker answer."""
    if found.kinds.get("broker") == Kind.DENIED:
        return "--header 'X-Auth-Token: ...', or --header-file, gives what it wants to see with every request"
    return f"curl {found.options.broker.host}/version has to answer; --host names the broker"


def _process(found: Found) -> Iterator[Check]:
    if not found.options.probes.connection_info:
        return
    if found.process is None:
        remedy = (
            "python3 setup_scripts/inspector on the broker's host, as the broker's user; "
            "--inspector names it, --no-connection-info does without"
        )
        yield Check("inspector", ERROR, found.problems["process"], "it sees the broker's process", remedy)
        return
    yield Check("inspector", OK, f"process {found.process.pid} ({found.process.name})")
    if found.process.also_listening:
        others = ", ".join(str(pid or "a hidden one") for pid in found.process.also_listening)
        remedy = "end it: each takes some of the connections, and one of them is counted"
        yield Check("broker's port", ERROR, f"process {others} listens there, too", "the broker alone", remedy)
    left = found.process.to_listeners.get("ESTABLISHED", 0)
    remedy = "wait until the listeners have closed them, after their -timeout: used again, they would not count as held"
    yield Check.judged("connections at rest", not left, f"{left} lead to the listeners", "none", remedy, WARNING)


def _notification_mode(found: Found) -> Iterator[Check]:
    if found.process is None:
        return
    wanted, line = found.options.load.subscriptions, found.command_line
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
            remedy = f"the service has a pool of its own: start the broker with -notificationMode {own}"
        yield Check.judged("notification mode", enough, mode, needed, remedy, found.too_small)


def _cycles(found: Found) -> Iterator[Check]:
    given, least = found.options.load.cycles, found.cycles_to_tell
    if given and found.process is not None:
        remedy = (
            f"--cycles {least}, or a pool of fewer workers: they take turns, and each one's first use counts as none"
        )
        yield Check.judged("cycles", given >= least, given, f"{least}, to tell a leak", remedy)


def _http_timeout(found: Found) -> Iterator[Check]:
    if found.process is None:
        return
    given, timeout = found.argument("-httpTimeout"), found.command_line.http_timeout
    delay = found.delay
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
    if found.process is None:
        return
    words = found.process.command_line
    needed = [("-multiservice", ERROR, "the service has a database of its own, which is dropped")]
    if found.options.probes.queue_size:
        needed.append(("-statNotifQueue", WARNING, "the queue's columns stay empty without it"))
    for flag, state, why in needed:
        there = flag in words
        remedy = f"start the broker with {flag} {IN_ENVIRONMENT}"
        yield Check.judged(flag, there, "given" if there else "not on the command line", why, remedy, state)
    clients, least = found.command_line.max_connections, found.options.load.idle_connections + CLIENTS
    remedy = f"start the broker with -maxConnections {least} or more, or use fewer --idle-connections"
    needed_clients = f"{least}: --idle-connections, and the test's own"
    yield Check.judged("-maxConnections", clients >= least, clients, needed_clients, remedy, WARNING)


def _cache_refresh(found: Found) -> Iterator[Check]:
    """Warn of refreshes of the subscription cache: Orion 4.7.0 keeps its clients waiting meanwhile."""
    if found.process is None:
        return
    interval = found.command_line.cache_interval
    shown = f"{interval} s" if found.argument("-subCacheIval") else f"{interval} s, its default"
    needed = "0: a refresh after thousands of notifications holds up updates and queries for seconds"
    remedy = f"start the broker with -subCacheIval 0, unless that is to be tested {IN_ENVIRONMENT}"
    yield Check.judged("-subCacheIval", not interval, shown, needed, remedy, WARNING)


def _ports(found: Found) -> Iterator[Check]:
    known = found.process and found.process.ephemeral_ports
    low, high = known or LINUX_PORTS
    most, address = max((count, address) for address, count in _shares(found.options).items())
    there = high - low + 1
    if known or there < most:
        shown = f"{there} ({low} to {high})" if known else f"not told; Linux's default is {there} ({low} to {high})"
        another = "start another listener, on another port or host, and name it with one more --notify-url"
        remedy = f"{another}; or sysctl net.ipv4.ip_local_port_range='1024 65535' on the broker's host"
        state = found.too_small if known else WARNING
        yield Check.judged("ephemeral ports", there >= most, shown, f"{most} to {address}", remedy, state)


def _shares(options: Options) -> Counter[str]:
    """Count the subscriptions per listener address; the URLs take turns."""
    addresses = options.listener_addresses
    each, rest = divmod(options.load.subscriptions, len(addresses))
    shares: Counter[str] = Counter()
    for number, address in enumerate(addresses):
        shares[address] += each + (number < rest)
    return shares


def _listeners(found: Found) -> Iterator[Check]:
    shares = _shares(found.options)
    for address, stats in found.listeners.items():
        what = f"listener {address}"
        if address in found.problems:
            remedy = "start it: python -m listener -delay 5m; --notify-url names it"
            yield Check(what, ERROR, found.problems[address], "it takes connections", remedy)
        elif stats is None:
            remedy = "python -m listener tells its delay and limits, from the same host or with -admin any"
            state, why = (ERROR, "it lets go when told to") if found.options.stepped else (WARNING, "it tells")
            yield Check(what, state, "it answers, but not GET /-/stats", why, remedy)
        else:
            needed, limit = shares[address] + SPARE, stats.limits.nofile_soft
            shown = f"delay {stats.delay:g} s, timeout {stats.timeout:g} s, {limit} open files"
            yield Check.judged(
                what, limit >= needed, shown, f"{needed} open files", f"start it after ulimit -n {needed}"
            )
            yield from _delay(found.options, f"{what}: delay", stats.delay)


def _delay(options: Options, what: str, delay: float) -> Iterator[Check]:
    least = options.load.hold + RELEASE_MARGIN
    if options.stepped and delay < least:
        needed = f"{least} s: it lets go when told to, after --hold"
        yield Check(what, ERROR, f"{delay:g} s", needed, "start it with -delay 24h, say")
    elif delay < 2:
        yield Check(what, WARNING, f"{delay:g} s", "2 s, to hold all at one time", "start it with -delay 5m, say")


def _files(found: Found) -> Iterator[Check]:
    for flag in ("--report-log", "--connections-report", "--json", "--junit"):
        if flag in found.problems:
            yield Check(flag, ERROR, found.problems[flag], "it can be written", f"{flag} names another file")


def _own_limits(found: Found) -> Iterator[Check]:
    needed = found.options.load.idle_connections + SEEDERS + SPARE
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = soft == resource.RLIM_INFINITY
    shown = "unlimited" if unlimited else str(soft)
    yield Check.judged(
        "Locust's open files", unlimited or soft >= needed, shown, needed, f"ulimit -n {needed}, then Locust"
    )


_TABLE = (
    _users, _broker, _access, check_names, check_identities, _process, _notification_mode, _cycles, _http_timeout,
    _flags, _cache_refresh, check_limits, _ports, _listeners, database.check_database, _files, _own_limits, client,
    healthy,
)  # fmt: skip
