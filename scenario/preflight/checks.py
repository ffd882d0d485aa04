"""The table of checks over what the preflight found.

An error stops the run before it starts (unless --force). A warning does not.
"""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Iterable, Iterator

from scenario.errors import PreflightError
from scenario.peers import broker_of, kind_of
from scenario.peers.failures import Kind
from scenario.preflight import database
from scenario.preflight.client_trial import check_client, check_healthy
from scenario.preflight.identities import check_identities
from scenario.preflight.limits import check_limits
from scenario.preflight.name_lookups import check_names
from scenario.preflight.ngsild import check_ngsild
from scenario.preflight.orion import RELEASE_MARGIN, check_orion
from scenario.run.found import Found
from scenario.run.results import ERROR, OK, WARNING, Check
from scenario.settings.needs import SPARE
from scenario.settings.options import SEEDERS, Options
from scenario.settings.secrets import shown

LINUX_PORTS = 32768, 60999  # Linux's default range for outgoing connections, ip(7)


def checks(found: Found) -> list[Check]:
    """Return the table: broker, process and its command line, limits, listeners, database, this process."""
    return shown([check for look in _TABLE for check in look(found)])  # again: parsing JSON may have revealed a secret


def require(table: Iterable[Check], force: bool = False) -> None:
    """Raise PreflightError if the table has an error. `force` overrides all errors but the database's contents."""
    errors = [check for check in table if check.state == ERROR and (not force or check.what == database.CONTENTS)]
    if errors:
        raise PreflightError("\n".join(f"{check.what}: {check.found}; {check.remedy}" for check in errors))


def _users(found: Found) -> Iterator[Check]:
    if found.absent_users:
        remedy = "start locust without class names and without --class-picker"
        yield Check("user classes", ERROR, f"{found.absent_users[0]} is missing", "all of them", remedy)


def _broker(found: Found) -> Iterator[Check]:
    host, broker = found.options.broker.host, broker_of(found.options)
    if found.version is not None:
        yield Check("broker", OK, f"{host}, {broker.name(found.version)}")
        return
    asked = broker.about_request()
    remedy = f"check that curl {host}{asked.path.partition('?')[0]} answers; set the broker with --host"
    if found.kinds.get("broker") == Kind.DENIED:
        remedy = "use --header 'X-Auth-Token: ...' or --header-file to send the header that it requires"
    yield Check("broker", ERROR, found.problems["broker"], f"{asked} answers", remedy)


def _access(found: Found) -> Iterator[Check]:
    """Warn if the broker's certificate is not verified."""
    if found.options.broker.access.insecure and found.options.broker.host.startswith("https:"):
        remedy = "remove --insecure; use --ca-file for your own CA certificates"
        yield Check(
            "TLS", WARNING, "NOT VERIFIED: any server could answer for the broker", "a verified certificate", remedy
        )


def _process(found: Found) -> Iterator[Check]:
    if not found.options.probes.connection_info:
        return
    if found.process is None:
        remedy = (
            f"run python3 setup_scripts/inspector{_process_name(found)} on the broker's host, as the broker's user; "
            "set its address with --inspector, or skip it with --no-connection-info"
        )
        problem = found.problems.get("process", "not asked")
        yield Check("inspector", ERROR, problem, "the inspector sees the broker's process", remedy)
        return
    yield Check("inspector", OK, f"process {found.process.pid} ({found.process.name})")
    if found.process.also_listening:
        others = ", ".join(str(pid or "a hidden one") for pid in found.process.also_listening)
        remedy = "end it: each takes some of the connections, but only one is counted"
        yield Check("broker's port", ERROR, f"process {others} listens there too", "only the broker", remedy)
    left = found.process.to_listeners.get("ESTABLISHED", 0)
    remedy = "wait until the listeners close them after their -timeout: a reused connection does not count as held"
    yield Check.judged("connections at rest", not left, f"{left} to the listeners", "none", remedy, WARNING)


def _process_name(found: Found) -> str:
    """Return the inspector's option for this kind of broker; "" for Orion, which is its default."""
    kind = kind_of(found.options)
    return f" --process-name {kind.process_name}" if kind.speaks_ngsild and kind.process_name else ""


def _of_kind(found: Found) -> Iterator[Check]:
    yield from check_ngsild(found) if kind_of(found.options).speaks_ngsild else check_orion(found)


def _ports(found: Found) -> Iterator[Check]:
    known = found.process and found.process.ephemeral_ports
    low, high = known or LINUX_PORTS
    most, address = max((count, address) for address, count in _shares(found.options).items())
    there = high - low + 1
    if known or there < most:
        shown = f"{there} ({low} to {high})" if known else f"unknown; Linux's default is {there} ({low} to {high})"
        another = "start another listener on another port or host, and add its --notify-url"
        remedy = f"{another}; or sysctl net.ipv4.ip_local_port_range='1024 65535' on the broker's host"
        state = found.too_small if known else WARNING
        yield Check.judged("ephemeral ports", there >= most, shown, f"{most} to {address}", remedy, state)


def _shares(options: Options) -> Counter[str]:
    """Count the notifications per listener address. The subscriptions are spread evenly over the URLs."""
    addresses = options.slow_addresses
    few = kind_of(options).holds(len({*addresses}), options.load.updates) is not None  # however many updates there are
    each, rest = divmod(options.load.subscriptions, len(addresses))
    shares: Counter[str] = Counter()
    for number, address in enumerate(addresses):
        shares[address] += (each + (number < rest)) * (1 if few else options.load.updates)
    return shares


def _listeners(found: Found) -> Iterator[Check]:
    shares = _shares(found.options)
    for address, stats in found.listeners.items():
        what = f"listener {address}"
        if address in found.problems:
            remedy = "start it: python -m listener -delay 5m; set its address with --notify-url"
            yield Check(what, ERROR, found.problems[address], "it accepts connections", remedy)
        elif stats is None:
            remedy = "use python -m listener, on the same host or with -admin any: it reports its delay and limits"
            state, why = (
                (ERROR, "it answers early when told to") if found.options.stepped else (WARNING, "it answers that")
            )
            yield Check(what, state, "it does not answer GET /-/stats", why, remedy)
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
        needed = f"{least} s or more, so that it holds for all of --hold"
        yield Check(what, ERROR, f"{delay:g} s", needed, "start it with -delay 24h, for example")
    elif delay < 2:
        yield Check(
            what,
            WARNING,
            f"{delay:g} s",
            "2 s or more, to hold all at one time",
            "start it with -delay 5m, for example",
        )


def _files(found: Found) -> Iterator[Check]:
    for flag in ("--report-log", "--connections-report", "--json", "--junit"):
        if flag in found.problems:
            yield Check(
                flag, ERROR, found.problems[flag], "a file that can be written", f"choose another file with {flag}"
            )


def _own_limits(found: Found) -> Iterator[Check]:
    if found.open_files is None:
        return
    needed = found.options.load.idle_connections + SEEDERS + SPARE
    unlimited = found.open_files == resource.RLIM_INFINITY
    yield Check.judged(
        "Locust's open files",
        unlimited or found.open_files >= needed,
        "unlimited" if unlimited else found.open_files,
        needed,
        f"run ulimit -n {needed}, then start Locust",
    )


_TABLE = (
    _users, _broker, _access, check_names, check_identities, _process, _of_kind, check_limits, _ports, _listeners,
    database.check_database, _files, _own_limits, check_client, check_healthy,
)  # fmt: skip
