"""Cycles: the same connections are held and released again and again."""

from __future__ import annotations

from collections.abc import Iterator

from scenario.flow.phases import Tick
from scenario.flow.steps import SteppedFlow
from scenario.run.phase import Phase
from scenario.run.records import HoldBegan
from scenario.run.schedule import Schedule
from scenario.verdict.outcomes import PASS


class CyclesFlow(SteppedFlow):
    """Seeds once. Each cycle then triggers, holds and releases."""

    def work(self) -> Iterator[Tick]:
        """Run the cycles as long as they pass. Then measure the broker at rest once more."""
        wanted = self.options.load.subscriptions
        for number in range(self.options.load.cycles):
            title = f"cycle {number + 1} of {self.options.load.cycles}"
            yield from self.step(title, wanted, *(self.preparing if number == 0 else []), *self.holding)
            if self.last.verdict.outcome != PASS:
                return
        self.link.publish(HoldBegan(wanted))
        yield from self.through((Phase.REST, self.rest))

    def rest(self) -> Iterator[Tick]:
        """Probe the broker at rest, as in a baseline."""
        self.link.plan(Schedule.at_rest(self.run.clock.now(), self.options))
        while not self.recorder.complete:
            yield self.probing(*self.probes)
