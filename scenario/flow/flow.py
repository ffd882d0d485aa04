"""A run: reset, seed, baseline, trigger, observe, cleanup, settle, one after the other."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress

from locust import User

from scenario.errors import Failed, ListenerError, Lost
from scenario.flow.cleanup import Cleanup
from scenario.flow.phases import NOBODY, Tick, Work
from scenario.flow.preparation import Preparation
from scenario.peers import kind_of, listeners
from scenario.preflight.limits import descriptors
from scenario.run.phase import Phase
from scenario.run.records import HoldBegan, PhaseBegan, RunEnded, StillSent
from scenario.run.schedule import Schedule
from scenario.settings.options import IDLE_RELEASE
from scenario.users.client import ClientProbe
from scenario.users.load import IDLE_CHECK, IdleClient, UpdateTrigger
from scenario.users.probes import ConnectionProbe, ListenerProbe, QueueProbe, VersionProbe
from scenario.verdict.evidence.held import per_notification

UPDATE_PATIENCE = 65.0  # s; longer than UpdateTrigger's own limits
SETTLED_AFTER = 5  # s after the update's answer, at most, until the idle clients connect
QUIET_LIMIT, QUIET_AFTER = 60.0, 4  # s in all; s without another notification
SILENCE_LIMIT = 8.0  # s without a record of any probe; longer than the sum of a probe's limits


class Flow(Preparation):
    """One run after its preflight. `work` holds the connections once."""

    def ticks(self, cleanup: Cleanup) -> Iterator[Tick]:
        yield from self.work()
        if not self.options.broker.keep:
            self.link.publish(PhaseBegan(Phase.CLEANUP))
            yield from self.without_users()
            cleanup.run()
            if kind_of(self.options).speaks_ngsild and self.progress.update is not None:
                yield from self.quiet()
        self.link.publish(RunEnded())
        yield from self.settle()

    def work(self) -> Iterator[Tick]:
        """Hold the connections, once."""
        self.link.publish(HoldBegan(self.options.load.subscriptions))
        yield from self.through(*self.preparing, *self.holding)

    @property
    def preparing(self) -> list[Work]:
        """The phases that lead to a broker with its subscriptions."""
        return [(Phase.RESET, self.reset), (Phase.SEED, self.seed)]

    @property
    def holding(self) -> list[Work]:
        """The phases with rows."""
        return [(Phase.BASELINE, self.baseline), (Phase.TRIGGER, self.trigger), (Phase.OBSERVE, self.observe)]

    def baseline(self) -> Iterator[Tick]:
        """Probe the broker at rest. The user that triggers starts here, so that it is on time."""
        schedule = Schedule.beginning(self.run.clock.now(), self.options)
        self.link.plan(schedule)
        while self.run.clock.now() < schedule.trigger:
            yield self.probing(UpdateTrigger, *self.probes)

    def trigger(self) -> Iterator[Tick]:
        """Wait for the answer to the update."""
        while self.progress.update is None:
            if self.recorder.complete:
                raise Failed("trigger: the update was not answered before the last row")
            if self.run.clock.now() > self.schedule.trigger + UPDATE_PATIENCE:
                raise Lost("trigger: the answer to the update was not reported")
            yield self.probing(UpdateTrigger, *self.probes)
        if self.progress.update.error:
            update = self.progress.update
            raise Failed(f"trigger: the update was answered with: {update.error}", update.failure)
        self.say(f"the update was answered after {self.progress.update.latency:.0f} ms")

    def observe(self) -> Iterator[Tick]:
        """Probe until the last row. The idle clients connect when the notifications' connections are open."""
        while not self._connections_settled():
            yield self.probing(UpdateTrigger, *self.probes)
        self._say_what_a_notification_costs()
        release = self.schedule.release
        while not self.recorder.complete:
            if release is not None and self.run.clock.now() >= release:
                release = None
                self.release()
            if self.options.load.idle_connections:
                yield self.probing(IdleClient, before=len(self.probes) + 1)
            else:
                yield self.probing(UpdateTrigger, *self.probes)

    @property
    def probes(self) -> list[type[User]]:
        """The users that measure."""
        asked: dict[type[User], bool] = {
            QueueProbe: self.options.probes.queue_size,
            ConnectionProbe: self.options.probes.connection_info,
            ClientProbe: self.options.probes.client,
        }
        return [VersionProbe, ListenerProbe, *(kind for kind, wanted in asked.items() if wanted)]

    def release(self) -> int:
        """Let the listeners answer everything they hold, and close. Return the number. Raises Lost."""
        try:
            return sum(map(listeners.release, self.options.listener_addresses))
        except ListenerError as error:
            raise Lost(f"release: {error}") from None

    def quiet(self) -> Iterator[Tick]:
        """Report the notifications of removed subscriptions that still arrive."""
        if sent := (yield from self.until_quiet()):
            self.say(f"{sent} notifications of removed subscriptions arrived")
            self.link.publish(StillSent(sent))

    def until_quiet(self) -> Generator[Tick, None, int]:
        """Let the listeners answer until no more notifications arrive; return how many did."""
        arrived, still, end = self._arrived(), 0, self.run.clock.now() + QUIET_LIMIT
        first = arrived
        while arrived is not None and still < QUIET_AFTER and self.run.clock.now() < end:
            with suppress(Lost):
                self.release()
            yield NOBODY
            before, arrived = arrived, self._arrived()
            still = still + 1 if arrived == before else 0
        return 0 if first is None or arrived is None else arrived - first

    def _arrived(self) -> int | None:
        """Return how many notifications arrived at the listeners; None if one does not report it."""
        try:
            answers = {address: listeners.stats(address) for address in self.options.listener_addresses}
        except ListenerError:
            return None
        known = {address: stats for address, stats in answers.items() if stats is not None}
        figures = listeners.figures_of(known)
        return figures["held"] + figures["received"] + figures["abandoned"] if len(known) == len(answers) else None

    def probing(self, *added: type[User], before: int = 0) -> Tick:
        """Ask for the probes, so that rows continue. Raises Lost if no probe reports any more."""
        self.recorder.advance(self.run.clock.now())
        if self.run.clock.now() - self.recorder.last_sample > SILENCE_LIMIT:
            raise Lost(f"no probe reported anything for {SILENCE_LIMIT:.0f} s")
        return self.users(before + len(added), *added)

    def _connections_settled(self) -> bool:
        """Whether no more connections of notifications arrive, or it is time to continue anyway."""
        now, update = self.run.clock.now(), self.progress.update
        latest = self.schedule.end - IDLE_RELEASE - IDLE_CHECK - 2
        if update is None or now > min(update.answered + SETTLED_AFTER, latest):
            return True
        counts = [row.established for row in self.recorder.rows[-2:] if row.second > update.answered]
        return len(counts) == 2 and counts[0] is not None and counts[0] == counts[1]

    def _say_what_a_notification_costs(self) -> None:
        """Report the descriptors that a held notification costs. The preflight had to assume a number."""
        options = self.recorder.hold.options
        each = per_notification(self.recorder.rows, options.load.notifications)
        if each and each >= 1 and not self.recorder.steps:  # otherwise some may be left from an earlier step or run
            needed = descriptors(options, each)
            self.say(f"a held notification costs the broker {each:.1f} file descriptors, so it needs {needed} in all")
