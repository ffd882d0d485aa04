"""The ramp: more connections with each step, until the broker fails; then closer to where it does."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

from scenario.errors import BrokerError, Lost
from scenario.flow.phases import Tick
from scenario.flow.steps import SteppedFlow
from scenario.run.phase import Phase
from scenario.run.results import Verdict
from scenario.settings.values import steps
from scenario.verdict.outcomes import FAIL, PASS

PRECISION = 0.05  # of the largest number held: how close the smallest one that failed has to be
RESTART_LIMIT = 120.0  # s, for the command, and then for the broker to answer


@dataclass
class Plan:
    """How many connections to hold next: up from `start` by `step`, after the first failure by halving the gap."""

    start: int
    stop: int
    step: int
    good: int = 0
    bad: int | None = None

    def following(self) -> int | None:
        """Return the number to hold next; None when the breaking point is known, or there is none up to `stop`."""
        if self.bad is not None:
            narrow = self.bad - self.good <= max(1, PRECISION * self.good)
            return None if narrow else (self.good + self.bad) // 2
        if self.good == self.stop:
            return None
        return min(self.good + self.step, self.stop) if self.good else self.start

    def note(self, count: int, held: bool) -> None:
        """Note whether `count` connections were held, and the broker answered."""
        if held:
            self.good = count
        else:
            self.bad = count


class RampFlow(SteppedFlow):
    """Takes one step after the other, each from an empty database on."""

    def work(self) -> Iterator[Tick]:
        """Go up, then narrow; a broker that is gone, and that nobody restarts, would fail with any number."""
        plan = Plan(*steps(self.options.load.ramp))
        while (count := plan.following()) is not None:
            phases = [*self.preparing, *self.holding]
            if self.options.broker.restart_command and self.recorder.steps:
                phases.insert(0, (Phase.RESTART, self.restart))
            title = f"step {len(self.recorder.steps) + 1}: {count} connections"
            yield from self.step(title, count, *phases)
            verdict: Verdict = self.last.verdict
            if verdict.outcome not in (PASS, FAIL):
                return
            plan.note(count, verdict.outcome == PASS)
            if not self.options.broker.restart_command and self.gone():
                self.say("the broker does not answer any more, and no --restart-command restarts it: the ramp ends")
                return

    def gone(self) -> bool:
        """Whether the broker does not answer, after all the time that a step leaves it."""
        try:
            self.broker.ask_version()
        except BrokerError:
            return True
        return False

    def restart(self) -> Iterator[Tick]:
        """Have the broker restarted, and wait until it answers."""
        try:
            done = subprocess.run(
                self.options.broker.restart_command,
                shell=True,
                capture_output=True,
                text=True,
                timeout=RESTART_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Lost(f"--restart-command did not end within {RESTART_LIMIT:.0f} s") from None
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise Lost(f"--restart-command ended with {done.returncode}{': ' + said[-1] if said else ''}")
        yield self.users(0)  # a broker that is on its way out may still answer for a moment
        yield from self.answering(time.monotonic() + RESTART_LIMIT)
