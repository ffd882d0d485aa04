"""What has to hold before a run: a table of checks over what the preflight found.

An error keeps the run from starting (unless --force), a warning does not. Sources: Orion's manual for its options and
their defaults.
"""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Iterable, Iterator

from scenario.errors import PreflightError
from scenario.peers import broker_of, kind_of
from scenario.peers.failures import Kind
from scenario.preflight import database
from scenario.preflight.client import client, healthy
from scenario.preflight.identities import check_identities
from scenario.preflight.limits import check_limits
from scenario.preflight.names import check_names
from scenario.preflight.ngsild import NGSILD
from scenario.preflight.orion import ORION, RELEASE_MARGIN
from scenario.run.found import Found
from scenario.run.results import ERROR, OK, WARNING, Check
from scenario.settings.needs import SPARE
from scenario.settings.options import SEEDERS, Options
from scenario.settings.receivers import address_of
from scenario.settings.secrets import shown

LINUX_PORTS = 32768, 60999  # for outgoing connections to one address, ip(7)


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
            f"python3 setup_scripts/inspector{_process_name(found)} on the broker's host, as the broker's user; "
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


def _process_name(found: Found) -> str:
    """Return what the inspector has to be told of the kind of broker: Orion's name it knows."""
    kind = kind_of(found.options)
    return f" --process-name {kind.process_name}" if kind.speaks_ngsild and kind.process_name else ""


def _of_kind(found: Found) -> Iterator[Check]:
    for look in NGSILD if kind_of(found.options).speaks_ngsild else ORION:
        yield from look(found)


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
    addresses = [*map(address_of, options.slow_urls)]
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
            share = sum(shares[each] for each in dict.fromkeys(found.options.ports_of(address)))
            needed, limit = share + SPARE, stats.limits.nofile_soft
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
    _users, _broker, _access, check_names, check_identities, _process, _of_kind, check_limits, _ports, _listeners,
    database.check_database, _files, _own_limits, client, healthy,
)  # fmt: skip
