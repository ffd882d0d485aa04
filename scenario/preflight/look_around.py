"""The look around before anything is started or dropped, and the table of checks that comes of it."""

from __future__ import annotations

from collections.abc import Iterable

from locust import User
from locust.env import Environment

from scenario.peers import database, listeners
from scenario.peers.broker import Broker, BrokerError
from scenario.peers.inspector import InspectionError, Inspector
from scenario.preflight.checks import ERROR, Found, checks
from scenario.run.records import Check
from scenario.settings.options import Options


class PreflightError(Exception):
    """What keeps the run from starting: one sentence per error."""


def look_around(options: Options, environment: Environment, needed: Iterable[type[User]]) -> Found:
    """Look at broker, process, database and listeners, each for a few seconds at most; return what was found."""
    found = Found(options, [kind.__name__ for kind in needed if kind not in environment.user_classes])
    for name, look in (("broker", _look_at_broker), ("process", _look_at_process), ("database", _look_at_database)):
        try:
            look(found)
        except (BrokerError, InspectionError, database.DatabaseError) as error:
            found.problems[name] = str(error)
    for address in dict.fromkeys(options.listener_addresses):
        _look_at_listener(found, address)
    return found


def check_before_start(options: Options, environment: Environment, needed: Iterable[type[User]]) -> list[Check]:
    """Return the table; raise PreflightError when there is an error in it, unless --force."""
    table = checks(look_around(options, environment, needed))
    if not options.force:
        require(table)
    return table


def require(table: Iterable[Check]) -> None:
    """Raise PreflightError when there is an error in the table."""
    errors = [f"{check.what}: {check.found}; {check.remedy}" for check in table if check.state == ERROR]
    if errors:
        raise PreflightError("\n".join(errors))


def _look_at_broker(found: Found) -> None:
    options = found.options
    found.version = Broker(options.host, options.service, options.service_path).version()


def _look_at_process(found: Found) -> None:
    if not found.options.connection_info:
        return
    inspector = Inspector.of(found.options)
    try:
        found.process = inspector.inspect()
    except InspectionError:  # a busy host may once take longer than a sample's limit
        found.process = inspector.inspect()
    finally:
        inspector.close()


def _look_at_database(found: Found) -> None:
    if found.options.reset:
        database.ping(found.options.mongo)


def _look_at_listener(found: Found, address: str) -> None:
    try:
        found.listeners[address] = listeners.stats(address)
    except listeners.ListenerError as error:
        found.listeners[address] = None
        found.problems[address] = str(error)
