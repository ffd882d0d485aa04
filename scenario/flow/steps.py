"""Holding connections several times in one run: the common part of ramp and cycles."""

from __future__ import annotations

import time
from collections.abc import Iterator

from scenario.errors import BrokerError, Failed, Lost
from scenario.flow.flow import Flow
from scenario.flow.phases import Tick, Work
from scenario.peers import kind_of
from scenario.run.phase import Phase
from scenario.run.records import HoldBegan, HoldEnded
from scenario.run.results import Step
from scenario.verdict.outcomes import INCONCLUSIVE

LET_GO_LIMIT = 120.0  # s until nothing is held or queued, and the broker answers


class SteppedFlow(Flow):
    """A flow of steps, each judged separately. The listeners are told when to answer."""

    def step(self, title: str, subscriptions: int, *phases: Work) -> Iterator[Tick]:
        """Run the phases of a step, release what is held, and judge the step. Repeat it once if it cannot be judged."""
        for again in (False, True):
            if again:
                self.say("the step could not be judged; repeating it")
            self.link.publish(HoldBegan(subscriptions, title))
            yield from self.through(*phases)
            yield from self.through((Phase.LET_GO, self.let_go))
            self.link.publish(HoldEnded())
            if self.last.verdict.outcome != INCONCLUSIVE:
                return

    @property
    def last(self) -> Step:
        """The last judged step."""
        return self.recorder.steps[-1]

    def let_go(self) -> Iterator[Tick]:
        """Stop the users, and release until nothing is held or queued and the broker answers."""
        end = time.monotonic() + LET_GO_LIMIT
        speaks_ngsild = kind_of(self.options).speaks_ngsild
        renewed = speaks_ngsild and bool(self.options.broker.restart_command)  # what it has left to send goes with it
        while self.link.runner.user_count or self.release() or self._waiting():
            if renewed and not self.link.runner.user_count:
                break
            if time.monotonic() > end:
                raise Lost(f"let go: notifications are still held or queued {LET_GO_LIMIT:.0f} s after the release")
            yield self.users(0)
        if speaks_ngsild and not renewed:
            yield from self.until_quiet()
        yield from self.answering(end)

    def answering(self, end: float) -> Iterator[Tick]:
        """Wait until the broker answers and reaches its database. Raises Failed at `end` (time.monotonic())."""
        while True:
            try:
                self.broker.ask_version()
                self.broker.ask_ready()
            except BrokerError as error:
                if time.monotonic() > end:
                    raise Failed(f"recovery: {error}") from None
                yield self.users(0)
            else:
                return

    def _waiting(self) -> int:
        """Return the notifications that wait for a worker, or 0 if unknown."""
        try:
            return self.broker.ask_backlog() or 0
        except BrokerError:
            return 0
