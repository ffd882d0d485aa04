"""The shapes: Locust ticks one of them once per second, next to the master or in the only process."""

from __future__ import annotations

from argparse import Namespace
from typing import ClassVar

from locust import LoadTestShape
from locust.env import Environment

import gevent

from scenario.flow.cycles import CyclesFlow
from scenario.flow.flow import Flow, Tick
from scenario.flow.ramp import RampFlow
from scenario.recording.recorder import Recorder
from scenario.settings.options import Options


class Phases(LoadTestShape):
    """Takes each run through its phases. `recorder` is set once, in the process where the shape is ticked."""

    recorder: ClassVar[Recorder | None] = None
    flow: ClassVar[type[Flow]] = Flow

    def reset_time(self) -> None:
        """Begin a new run. Locust calls it before the first tick; a master again later, from the shape's greenlet."""
        super().reset_time()  # type: ignore[no-untyped-call]
        if self.recorder is not None and gevent.getcurrent() is not self.recorder.link.runner.shape_greenlet:
            self.recorder.reset()
            self._ticks = self.flow(self.recorder).ticks()

    def tick(self) -> Tick | None:
        """Return what the phase under way asks for; None at the end of the run."""
        return next(self._ticks, None)


class Ramp(Phases):
    """Holds more connections with each step, until the broker fails: --ramp."""

    flow = RampFlow


class Cycles(Phases):
    """Holds the connections again and again, and looks for what grows: --cycles."""

    flow = CyclesFlow


def choose(environment: Environment, options: Options | Namespace) -> None:
    """Have the next run take the shape that the options, or Locust's parsed ones, ask for."""
    shape = (Ramp if options.ramp else Cycles if options.cycles else Phases)()  # type: ignore[no-untyped-call]
    shape.runner = environment.runner
    environment.shape_class = shape
