"""The ramp: more connections with each step until the broker fails, then smaller steps around that point."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO

from scenario.errors import BrokerError, Lost
from scenario.flow.phases import Tick
from scenario.flow.steps import SteppedFlow
from scenario.run.phase import Phase
from scenario.run.results import Verdict, times
from scenario.settings.values import steps
from scenario.verdict.outcomes import FAIL, PASS

PRECISION = 0.05  # largest gap between the largest number held and the smallest that failed, as a share
RESTART_LIMIT = 120.0  # s for the command, and again for the broker to answer
LAST_WORDS = 10_000  # bytes of the command's output that are read


@dataclass
class Plan:
    """The number of connections to hold next: from `start` in steps of `step`; after a failure the gap is halved."""

    start: int
    stop: int
    step: int
    good: int = 0
    bad: int | None = None

    def following(self) -> int | None:
        """Return the number to hold next; None if the breaking point is known, or `stop` was held."""
        if self.bad is not None:
            narrow = self.bad - self.good <= max(1, PRECISION * self.good)
            return None if narrow else (self.good + self.bad) // 2
        if self.good == self.stop:
            return None
        return min(self.good + self.step, self.stop) if self.good else self.start

    def note(self, count: int, held: bool) -> None:
        """Record whether a step with `count` connections passed."""
        if held:
            self.good = count
        else:
            self.bad = count


class RampFlow(SteppedFlow):
    """Runs one step after the other, each from an empty database."""

    def work(self) -> Iterator[Tick]:
        """Go up, then narrow the gap. Stop if the broker is gone and no command restarts it."""
        plan = Plan(*steps(self.options.load.ramp))
        while (count := plan.following()) is not None:
            phases = [*self.preparing, *self.holding]
            if self.options.broker.restart_command and self.recorder.steps:
                phases.insert(0, (Phase.RESTART, self.restart))
            title = f"step {len(self.recorder.steps) + 1}: {times(count, self.options.load.updates)} connections"
            yield from self.step(title, count, *phases)
            verdict: Verdict = self.last.verdict
            if verdict.outcome not in (PASS, FAIL):
                return
            plan.note(count, verdict.outcome == PASS)
            if not self.options.broker.restart_command and self.gone():
                self.say("the broker no longer answers, and there is no --restart-command: the ramp ends")
                return

    def gone(self) -> bool:
        """Whether the broker does not answer after a step."""
        try:
            self.broker.ask_version()
        except BrokerError:
            return True
        return False

    def restart(self) -> Iterator[Tick]:
        """Restart the broker and wait until it answers."""
        restart(self.options.broker.restart_command)
        yield self.users(0)  # a broker that is shutting down may still answer for a moment
        yield from self.answering(time.monotonic() + RESTART_LIMIT)


def restart(command: str, limit: float = RESTART_LIMIT) -> None:
    """Run --restart-command. Raises Lost if it fails, or takes more than `limit` seconds.

    Its output goes to files. A pipe would stay open as long as anything that it started, such as the broker.
    """
    with TemporaryFile() as output, TemporaryFile() as errors:
        try:
            done = subprocess.run(command, shell=True, stdout=output, stderr=errors, timeout=limit, check=False)
        except subprocess.TimeoutExpired:
            raise Lost(f"--restart-command did not end within {limit:.0f} s") from None
        if done.returncode:
            said = (_text(errors) or _text(output)).splitlines()
            raise Lost(f"--restart-command ended with {done.returncode}{': ' + said[-1] if said else ''}")


def _text(file: IO[bytes]) -> str:
    file.seek(max(0, file.tell() - LAST_WORDS))
    return file.read().decode(errors="replace").strip()
