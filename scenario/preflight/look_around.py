"""The look around before anything is started or dropped."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from locust import User

from scenario.errors import BrokerError, DatabaseError, InspectionError, ListenerError
from scenario.peers import broker_of, client_of, database, drops_database, listeners, recognised
from scenario.peers.failures import Kind, kind_of
from scenario.peers.inspection import Inspection
from scenario.peers.inspector import Inspector
from scenario.peers.listeners import ListenerStats
from scenario.preflight.checks import checks
from scenario.preflight.client_trial import without_healthy
from scenario.preflight.identities import inspectors, listener_ids, uptimes
from scenario.preflight.name_lookups import broker_addresses, localhost
from scenario.run.found import Found
from scenario.run.results import ERROR
from scenario.settings.options import Options
from scenario.settings.replacing import open_for_writing
from scenario.settings.secrets import shown

_T = TypeVar("_T")


def look_around(options: Options, absent_users: Iterable[type[User]] = ()) -> Found:
    """Look at broker, process, database and listeners, each for a few seconds at most. Return what was found.

    The result contains no secret, because it is published.
    """
    problems: dict[str, str] = {}
    kinds: dict[str, Kind] = {}

    def look(name: str, look_at: Callable[[], _T]) -> _T | None:
        try:
            return look_at()
        except (BrokerError, InspectionError, DatabaseError, ListenerError) as error:
            problems[name], kinds[name] = str(error), kind_of(error)
            return None

    def stats(address: str) -> ListenerStats | None:
        return look(address, lambda: listeners.stats(address))

    options = recognised(options)
    broker = broker_of(options)
    version = look("broker", broker.ask_version)
    if version is not None:
        look("readiness", broker.ask_ready)
    process = look("process", lambda: _process(options)) if options.probes.connection_info else None
    problems |= dict(_unwritable(options))
    by_address = {address: stats(address) for address in options.listener_addresses}
    absent = tuple(kind.__name__ for kind in absent_users)
    found = Found(options, absent, version, process, by_address, problems, kinds, open_files=_open_files())
    found = replace(found, localhost=localhost(options), addresses=broker_addresses(options))
    if version is not None:
        found = replace(found, libraries=broker.ask_libraries())
        if broker.uptime(version) is not None:  # others would be asked several times for nothing
            found = replace(found, uptimes=uptimes(broker))
    found = replace(
        found,
        inspectors=inspectors(options) if process and process.inspector else (),
        listener_ids={address: listener_ids(address) for address, one in by_address.items() if one and one.id},
    )
    if drops_database(options):
        contents = look("database", lambda: database.look(options.broker.mongo, found.database, broker.own_documents))
        found = replace(found, contents=contents)
    if options.probes.client and not any(check.state == ERROR for check in checks(found)):
        # last, because it writes: the service is known to belong to the test now
        found = replace(found, client=look("client", lambda: _try_client(options)))
    return shown(without_healthy(found))


def _open_files() -> int:
    """Return the limit of this process's descriptors."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft


def _unwritable(options: Options) -> Iterator[tuple[str, str]]:
    """Try the run's files. Yield the option of each file that cannot be written, and why."""
    files = {
        "--report-log": options.outputs.report_log,
        "--connections-report": options.outputs.connections_report,
        "--json": options.outputs.result,
        "--junit": options.outputs.junit,
    }
    for flag, path in files.items():
        try:
            if path:
                open_for_writing(Path(path))
        except OSError as error:
            yield flag, f"{path}: {error.strerror}"


def _try_client(options: Options) -> float:
    """Return how long the ordinary client's update, query and removal took together, in ms."""
    started = time.time()
    client_of(options).try_client(started)
    return (time.time() - started) * 1000


def _process(options: Options) -> Inspection:
    inspector = Inspector.of(options)
    try:
        return inspector.inspect()
    except InspectionError:  # tried twice, because a busy host may exceed the limit once
        return inspector.inspect()
    finally:
        inspector.close()
