"""What those users have in common that measure each second, and try some things several times in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, ClassVar

from locust import task

from gevent import Greenlet, GreenletExit
from gevent.lock import BoundedSemaphore
from gevent.pool import Group

from scenario.peers.failures import Failure, Kind
from scenario.run.tries import Tried, Tries, dues
from scenario.users.run_user import RunUser, park
from scenario.users.tester import Watch

UNANSWERED = Failure(Kind.NO_ANSWER, "the question of the second before is not answered yet")


class EachSecond(RunUser):
    """Starts `probe(second)` in every second of the schedule, each in a greenlet of its own.

    So a probe that hangs never delays the next one, and every second has its own answer.
    """

    abstract = True
    begins: ClassVar[float] = 0.0  # s after the whole second; with --rate: of the interval between two tries
    one_at_a_time: ClassVar[bool] = False  # for counters: an answer that was overtaken would make them fall

    @cached_property
    def in_flight(self) -> Group:
        """The probes that have not ended; a user may be stopped before its first one."""
        return Group()

    @cached_property
    def rate(self) -> int:
        """How often to try in a second."""
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
        """Measure once, and fire the record."""
        raise NotImplementedError

    def missed(self, second: int) -> None:
        """Fire the record of a second in which an earlier one's question was under way."""
        raise NotImplementedError

    def _in_turn(self, second: int) -> None:
        """Wait for the question before to be answered, as long as the second lasts."""
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
        clock, schedule = self.of_run.clock, self.schedule
        for second in range(schedule.start, schedule.end + 1):
            clock.sleep_until(dues(second, self.begins, self.rate)[0])
            if clock.now() < second + 1:  # else: this process was stopped for a while, and the second is lost
                self.in_flight.spawn(self._in_turn if self.one_at_a_time else self.probe, second)
        park()

    def tried(self, second: int, begins: float, attempt: Callable[[float | None], Tried]) -> list[Tried]:
        """Make the second's tries, each when it is due, whatever became of those before; return what came of them.

        `attempt` gets the moment from which its latency counts, s since the epoch; with a rate of 1 it is its sending.
        One whose second is over is lost.
        """
        clock, under_way = self.of_run.clock, []
        for due in dues(second, begins, self.rate):
            clock.sleep_until(due)
            if clock.now() < second + 1:
                under_way.append(self.in_flight.spawn(attempt, due if self.rate > 1 else None))
        return [result(greenlet) for greenlet in under_way]

    def told(self, tried: Sequence[Tried]) -> tuple[float, Failure | None, Tries | None]:
        """Return what a sample tells of a second's tries: the slowest's latency, the first failure, all of them."""
        failure = next((each.failure for each in tried if each.failure), None)
        return max(each.latency for each in tried), failure, Tries.of(tried) if self.rate > 1 else None

    def on_stop(self) -> None:
        """Drop what is still in flight."""
        self.in_flight.kill()


def result(greenlet: Greenlet[..., Any]) -> Any:
    """Wait for what another greenlet returns. Raises GreenletExit when it was stopped, as the whole user will be."""
    value = greenlet.get()
    if isinstance(value, GreenletExit):
        raise value
    return value
