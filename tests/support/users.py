"""One user without a run of Locust: what it publishes is kept."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, TypeVar

from locust.env import Environment

from scenario.run.run import Run
from scenario.run.schedule import Clock, Schedule
from scenario.users.run_user import RunUser
from tests.support.holds import options

_U = TypeVar("_U", bound=RunUser)


def user(kind: type[_U], host: str, seconds: int, **changed: object) -> tuple[_U, list[Any]]:
    """Return a user of a run of so many seconds from now on, and the records that it will have published."""
    published: list[Any] = []
    clock = Clock.showing(time.time())
    first = int(clock.now()) + 1
    schedule = Schedule(first, first + 1, first + seconds - 1)
    link = SimpleNamespace(run=Run(options(host=host, **changed), clock), schedule=schedule, publish=published.append)
    kind_here = type(kind.__name__, (kind,), {"link": link, "host": host})
    return kind_here(Environment(user_classes=[])), published
