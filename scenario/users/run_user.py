"""The base of all users: the run they belong to, and the broker's rules for right answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar

from locust import User

import gevent

from scenario.peers import broker_of
from scenario.peers.answers import Answer
from scenario.peers.broker import Broker
from scenario.peers.failures import Failure, of_exception
from scenario.run.link import Link
from scenario.run.run import Run
from scenario.run.schedule import Schedule
from scenario.settings.secrets import shown


class RunUser(User):
    """A user that knows its run; `link` is set once per process."""

    abstract = True

    link: ClassVar[Link]

    @cached_property
    def of_run(self) -> Run:
        """The current run."""
        assert self.link.run is not None
        return self.link.run

    @cached_property
    def broker(self) -> Broker:
        """The broker under test."""
        return broker_of(self.of_run.options, self.of_run.id)

    @property
    def schedule(self) -> Schedule:
        """The schedule of the current hold, known from its baseline on."""
        assert self.link.schedule is not None
        return self.link.schedule


def park() -> None:
    """Do nothing until the shape stops this user. Locust would restart a user that returns."""
    while True:
        gevent.sleep(3600)


def failure_of(response: Any, error_of: Callable[[Answer], Failure | None]) -> Failure | None:
    """Judge a response of Locust's clients by the broker's rules, and report a failure to Locust."""
    if response.status_code:
        failure = error_of(Answer(response.status_code, response.headers or {}, response.text or ""))
    else:
        failure = of_exception(response.error)
    failure = shown(failure)
    if failure:
        response.failure(failure.text)
    return failure
