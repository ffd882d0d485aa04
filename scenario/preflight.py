"""Checks before anything is started or dropped."""

from __future__ import annotations

from collections.abc import Iterable

from locust import User
from locust.env import Environment

from scenario import database
from scenario.broker import Broker, BrokerError
from scenario.inspection import InspectionError, Inspector
from scenario.options import Options


class PreflightError(Exception):
    """What keeps the run from starting, as one sentence."""


def check_before_start(options: Options, environment: Environment, needed: Iterable[type[User]]) -> None:
    """Raise PreflightError for the first thing that keeps the run from starting."""
    absent = [kind.__name__ for kind in needed if kind not in environment.user_classes]
    if absent:
        raise PreflightError(f"{absent[0]} is missing: start locust without class names and without --class-picker")
    try:
        Broker(options.host, options.service, options.service_path).version()
        if options.reset:
            database.ping(options.mongo)
    except (BrokerError, database.DatabaseError) as error:
        raise PreflightError(str(error)) from None
    if options.connection_info:
        _check_inspector(options)


def _check_inspector(options: Options) -> None:
    inspector = inspector_of(options)
    try:
        inspector.inspect()
    except InspectionError as error:
        raise PreflightError(f"{error} (--inspector; --no-connection-info does without it)") from None
    finally:
        inspector.close()


def inspector_of(options: Options) -> Inspector:
    """Return the client of the inspector that `options` names."""
    host, port = options.inspector_address
    return Inspector(
        host,
        port,
        options.process_name,
        options.broker_address[1],
        options.listener_addresses,
        options.inspector_token,
    )
