"""The shape that Locust ticks each second, in the master or the only process. It runs a run from its preflight on."""

from __future__ import annotations

import logging
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import ClassVar

from locust import LoadTestShape, User

import gevent

from scenario.errors import OptionError, PreflightError
from scenario.flow.cleanup import Cleanup
from scenario.flow.cycles import CyclesFlow
from scenario.flow.flow import Flow
from scenario.flow.mark import Mark
from scenario.flow.phases import Tick
from scenario.flow.ramp import RampFlow
from scenario.preflight.checks import checks, require
from scenario.preflight.look_around import look_around
from scenario.recording.recorder import Recorder
from scenario.run.link import Link
from scenario.run.records import Accepted, Refused, RunBegan, RunEnded, Unforeseen
from scenario.run.run import Run
from scenario.run.schedule import Clock
from scenario.settings.options import Options
from scenario.users.client import ClientProbe
from scenario.users.load import IdleClient, SubscriptionSeeder, UpdateTrigger
from scenario.users.probes import ConnectionProbe, ListenerProbe, QueueProbe, VersionProbe

USER_CLASSES: tuple[type[User], ...] = (
    SubscriptionSeeder, UpdateTrigger, VersionProbe, QueueProbe, ConnectionProbe, ListenerProbe, ClientProbe, IdleClient
)  # fmt: skip
ADAPTED = ("healthy", "kind", "queue_size", "pings", "healthy_apart")  # options that the preflight may change
_log = logging.getLogger(__name__)


class Shape(LoadTestShape):
    """Takes each run through its flow. Its class attributes are set once, in the process that ticks it."""

    link: ClassVar[Link]
    secrets: ClassVar[Mapping[str, str]]
    recorder: ClassVar[Recorder | None] = None
    cleanup: ClassVar[Cleanup | None] = None
    mark: ClassVar[Mark]

    def reset_time(self) -> None:
        """Begin a new run. Locust calls this before the first tick; a master again from the shape's greenlet."""
        super().reset_time()  # type: ignore[no-untyped-call]
        if self.recorder and self.cleanup and gevent.getcurrent() is not self.link.runner.shape_greenlet:
            self.link.begin(None)
            self.link.publish(RunBegan())
            self._ticks = self._run(self.recorder, self.cleanup)

    def tick(self) -> Tick | None:
        """Return the users that the current phase asks for; None at the end of the run."""
        try:
            return next(self._ticks, None)
        except Exception as error:
            _log.exception("the run failed")
            self.link.publish(Unforeseen("the run", repr(error)))
            if self.cleanup:
                self.cleanup.run()
            self.link.publish(RunEnded())
            return None

    def _run(self, recorder: Recorder, cleanup: Cleanup) -> Iterator[Tick]:
        run = self._begin()
        if run is not None:
            flow = RampFlow if run.options.load.ramp else CyclesFlow if run.options.load.cycles else Flow
            yield from flow(self.link, recorder, run).ticks(cleanup)

    def _begin(self) -> Run | None:
        """Run the preflight, and begin the run if it passes."""
        environment = self.link.runner.environment
        try:
            options = Options.from_namespace(environment.parsed_options or Namespace(), self.secrets)
            found = look_around(options, [kind for kind in USER_CLASSES if kind not in environment.user_classes])
            self.link.publish(found)
            require(checks(found), options.force)
        except (OptionError, PreflightError) as problem:
            self.link.publish(Refused(str(problem)))
            return None
        if options.preflight_only:
            self.link.publish(Refused(""))
            return None
        adapted = found.options.by_name()
        options = options.changed(**{name: adapted[name] for name in ADAPTED})
        run = Run(options, Clock.showing(time.time()))
        try:
            self.mark.take(run, found.database)
        except PreflightError as problem:
            self.link.publish(Refused(str(problem)))
            return None
        environment.host = options.broker.host
        self.link.begin(run)
        self.link.publish(Accepted())
        return run
