"""The base of users that measure each second, some of them several times per second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, ClassVar

from locust import task

from gevent import Greenlet, GreenletExit
from gevent.lock import BoundedSemaphore
from gevent.pool import Group

from scenario.peers.failures import Failure
from scenario.run.tries import Tried, Tries, dues
from scenario.users.run_user import RunUser, park
from scenario.users.tester import Watch


class EachSecond(RunUser):
    """Starts `probe(second)` in every second of the schedule, each in its own greenlet.

    So a hanging probe never delays the next one.
    """

    abstract = True
    begins: ClassVar[float] = 0.0  # s after the whole second; with --rate a share of the interval between two tries
    one_at_a_time: ClassVar[bool] = False  # for counters, because an overtaken answer would make them fall

    @cached_property
    def in_flight(self) -> Group:
        """The running probes. A user may be stopped before its first one."""
        return Group()

    @cached_property
    def rate(self) -> int:
        """Number of tries per second."""
        return self.of_run.options.probes.rate

    @cached_property
    def tester(self) -> Watch:
        """The process that this user is in, and its host."""
        options = self.of_run.options
        names = [options.broker_address[0], *(text.rpartition(":")[0] for text in options.listener_addresses)]
        tester = Watch([*names, options.inspector_address[0]] if options.probes.connection_info else names)
        self.in_flight.spawn(tester.watch)
        return tester

    @cached_property
    def _turn(self) -> BoundedSemaphore:
        return BoundedSemaphore()

    def probe(self, second: int) -> None:
        """Measure once, and publish the record."""
        raise NotImplementedError

    def missed(self, second: int) -> None:
        """Publish the record of a second in which an earlier request was still under way (`one_at_a_time` only)."""
        raise NotImplementedError

    def _in_turn(self, second: int) -> None:
        """Wait for the answer to the previous request, until the second ends."""
        if not self._turn.acquire(timeout=max(0.0, second + 1 - self.of_run.clock.now())):
            self.missed(second)
            return
        try:
            self.probe(second)
        finally:
            self._turn.release()

    @task
    def probe_each_second(self) -> None:
        """Run the schedule, then park."""
        for second in self.schedule.seconds(self.of_run.clock, self.begins / self.rate):
            self.in_flight.spawn(self._in_turn if self.one_at_a_time else self.probe, second)
        park()

    def tried(self, second: int, begins: float, attempt: Callable[[float | None], Tried]) -> list[Tried]:
        """Make the tries of a second, each when it is due, even if earlier ones are unanswered. Return their results.

        `attempt` gets the moment from which its latency counts, s since the epoch; with a rate of 1 it is its sending.
        One whose second is over is lost.
        """
        clock, under_way = self.of_run.clock, []
        for due in dues(second, begins, self.rate):
            clock.sleep_until(due)
            if clock.now() < second + 1:
                under_way.append(self.in_flight.spawn(attempt, due if self.rate > 1 else None))
        return [result(greenlet) for greenlet in under_way]

    def summed(self, tried: Sequence[Tried]) -> tuple[float, Failure | None, Tries | None]:
        """Return the figures for a sample: the slowest latency, the first failure, and all tries."""
        failure = next((each.failure for each in tried if each.failure), None)
        return max(each.latency for each in tried), failure, Tries.of(tried) if self.rate > 1 else None

    def on_stop(self) -> None:
        """Cancel the running probes."""
        self.in_flight.kill()


def result(greenlet: Greenlet[..., Any]) -> Any:
    """Wait for the result of another greenlet. Raises GreenletExit if it was stopped, because the user is too."""
    value = greenlet.get()
    if isinstance(value, GreenletExit):
        raise value
    return value
