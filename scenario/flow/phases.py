"""The base of all runs: the run, its broker, going through phases one after the other, and the end.

They run next to the master (or in the only process). Each is a generator that yields (users, spawn rate, classes) once
per second until it is done; Failed and Lost end the hold early. Two rules of Locust 2.47 shape it all: the class list
restricts only the users that are added, so classes are replaced by going through 0 users; and a spawn rate below the
number of users would block the next tick.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

from locust import User

from scenario.errors import Failed, Lost
from scenario.peers import broker_of
from scenario.peers.failures import Kind
from scenario.recording.recorder import Recorder
from scenario.run.found import Found
from scenario.run.link import Link
from scenario.run.phase import Phase
from scenario.run.progress import Progress
from scenario.run.records import Ended, PhaseBegan, Said, Unforeseen
from scenario.run.run import Run
from scenario.run.schedule import Schedule
from scenario.settings.options import SEEDERS
from scenario.users.load import SubscriptionSeeder

Tick = tuple[int, float, list[type[User]]]
Work = tuple[Phase, Callable[[], Iterator[Tick]]]  # a phase and its work

NOBODY: Tick = 0, 100, [SubscriptionSeeder]  # all stop at once; above 100 a second Locust warns
STOP_LIMIT = 10.0  # s until all users have stopped
SETTLE_CSV, SETTLE_WORKERS = 1.5, 3.5  # s; Locust rewrites its CSV every 1 s, and workers report every 3 s
_log = logging.getLogger(__name__)


class Phases:
    """One run, after its preflight."""

    def __init__(self, link: Link, recorder: Recorder, run: Run) -> None:
        self.link, self.recorder, self.run, self.options = link, recorder, run, run.options
        self.broker = broker_of(run.options, run.id)
        self.workers = set(link.workers())

    @property
    def progress(self) -> Progress:
        """The progress of the current hold."""
        return self.recorder.progress

    @property
    def found(self) -> Found:
        """The result of the preflight."""
        assert self.recorder.found is not None
        return self.recorder.found

    @property
    def schedule(self) -> Schedule:
        """The schedule of the current hold, known from its baseline on."""
        assert self.link.schedule is not None
        return self.link.schedule

    @property
    def subscriptions(self) -> int:
        """Connections to hold now."""
        return self.recorder.subscriptions

    def through(self, *phases: Work) -> Iterator[Tick]:
        """Go through phases. An error that ends them is published."""
        try:
            for phase, work in phases:
                self.link.publish(PhaseBegan(phase))
                yield from work()
        except (Failed, Lost) as end:
            self.link.publish(
                Ended(str(end), isinstance(end, Failed), end.kind if isinstance(end.kind, Kind) else None)
            )
        except Exception as error:
            _log.exception("phase %s failed", self.recorder.phase)
            self.link.publish(Unforeseen(f"phase {self.recorder.phase}", repr(error)))

    def users(self, count: int, *classes: type[User]) -> Tick:
        """Ask for `count` users in all; new ones are of `classes`. Raises Lost if a worker joined or left."""
        if set(self.link.workers()) != self.workers:
            raise Lost("a worker was lost, or another joined, so users of this run are missing")
        return count, max(SEEDERS, len(self.workers), 10), list(classes) or [SubscriptionSeeder]

    def without_users(self) -> Iterator[Tick]:
        """Stop all users."""
        end = time.monotonic() + STOP_LIMIT
        while self.link.runner.user_count and time.monotonic() < end:
            yield NOBODY

    def settle(self) -> Iterator[Tick]:
        """Stop all users, and give Locust time to write its last statistics."""
        self.link.publish(PhaseBegan(Phase.SETTLE))
        end = time.monotonic() + (SETTLE_CSV if self.workers == {None} else SETTLE_WORKERS)
        while time.monotonic() < end:
            yield NOBODY

    def say(self, text: str) -> None:
        assert self.recorder.phase is not None
        self.link.publish(Said(self.recorder.phase, text))
