"""Checks of host names. `localhost` may mean ::1 and 127.0.0.1, and each part may listen on only one of them.

The broker looks up a listener's name on its own host.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import gevent

from scenario.peers import drops_database
from scenario.peers.answers import HERE, takes
from scenario.peers.database import addresses
from scenario.peers.failures import of_exception
from scenario.peers.inspection import Inspection
from scenario.run.found import Found
from scenario.run.results import ERROR, WARNING, Check
from scenario.settings.options import Options
from scenario.settings.values import host_and_port

LOCALHOST = "localhost"
SILENT, MOST = f"no connection within {HERE:g} s", 8  # problem of an address; most addresses tried of a name
SLOW = 1.0  # s for a look-up: if it takes longer, each notification may wait for it


def localhost(options: Options) -> dict[str, tuple[str, ...]]:
    """Return, per option that names `localhost`, the addresses at which that part accepts connections.

    Empty if `localhost` has only one address.
    """
    means = _addresses_of(LOCALHOST)
    if len(means) < 2:
        return {}
    ports = {option: port for option, (host, port) in _parts(options) if host == LOCALHOST}
    return {option: tuple(at for at in means if takes(at, port)) for option, port in ports.items()}


def broker_addresses(options: Options) -> dict[str, str]:
    """Return, per address of the broker's name on this host, what is wrong with it, or "".

    Empty if the name has only one address, or none.
    """
    host, port = options.broker_address
    ips = _addresses_of(host)[:MOST]
    tried = [gevent.spawn(_tried, ip, port) for ip in ips] if len(ips) > 1 else []
    return {ip: each.get() for ip, each in zip(ips, tried, strict=False)}


def check_names(found: Found) -> Iterator[Check]:
    """Report names that lead to the wrong address."""
    yield from _check_localhost(found)
    yield from _check_broker(found)
    if found.process is not None:
        yield from _check_listeners(found.process)


def _check_broker(found: Found) -> Iterator[Check]:
    """Report an address of the broker that makes clients wait before they try the next one."""
    there = [ip for ip, wrong in found.addresses.items() if not wrong]
    silent = [ip for ip, wrong in found.addresses.items() if wrong == SILENT]
    if there and silent:
        first = "the first address" if silent[0] == next(iter(found.addresses)) else "the address"
        shown = f"{first} {silent[0]} does not answer ({SILENT}), {there[0]} does"
        remedy = f"set --host to {there[0]}: each new connection may try the other address first"
        yield Check("broker's name", ERROR, shown, "each address accepts or refuses connections", remedy)


def _tried(ip: str, port: int) -> str:
    try:
        socket.create_connection((ip, port), HERE).close()
    except TimeoutError:
        return SILENT
    except OSError as error:
        return of_exception(error).text
    return ""


def _check_listeners(process: Inspection) -> Iterator[Check]:
    """Report listeners whose name has no address on the broker's host, and slow look-ups there."""
    for address, why in process.unresolved.items():
        remedy = "give --notify-url a name or an address that the broker's host can resolve"
        yield Check(f"name of the listener {address}", ERROR, f"{why} on the broker's host", "an address", remedy)
    if (process.lookup_seconds or 0) > SLOW:
        shown = f"{process.lookup_seconds:.1f} s for a look-up on the broker's host"
        remedy = "fix its name server, or give addresses to --notify-url: each notification may wait that long"
        yield Check("names of the listeners", WARNING, shown, f"below {SLOW:g} s", remedy)


def _check_localhost(found: Found) -> Iterator[Check]:
    """Report parts that listen on different addresses of `localhost`."""
    taking = {option: there for option, there in found.localhost.items() if there}
    if taking and not set.intersection(*map(set, taking.values())):
        shown = ", ".join(f"{option} is at {' and '.join(there)}" for option, there in taking.items())
        remedy = "give addresses instead of the name, such as http://127.0.0.1:8090 or http://[::1]:8090"
        yield Check(LOCALHOST, WARNING, shown, "one address for all parts", remedy)


def _addresses_of(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # reported by the part that needs the name
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _parts(options: Options) -> Iterator[tuple[str, tuple[str, int]]]:
    yield "--host", options.broker_address
    yield from ((f"--notify-url {url}", host_and_port(url)) for url in options.load.notify_urls)
    if options.probes.connection_info:
        yield "--inspector", options.inspector_address
    if drops_database(options):
        yield from (("--mongo", address) for address in addresses(options.broker.mongo)[:1])
