"""The phases of a run: reset, seed, baseline, trigger, observe, settle, one after the other.

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

from scenario.errors import Failed, ListenerError, Lost
from scenario.peers import broker_of, client_of, database, listeners
from scenario.peers.broker import Cache
from scenario.preflight.checks import SPARE
from scenario.recording.recorder import Recorder
from scenario.run.link import Link, shares
from scenario.run.progress import Progress
from scenario.run.records import Ended, HoldBegan, Phase, Reset, RunEnded, Said, Unforeseen
from scenario.run.run import Run
from scenario.run.schedule import Schedule
from scenario.users.client import ClientProbe
from scenario.users.load import IDLE_CHECK, IdleClient, SubscriptionSeeder, UpdateTrigger
from scenario.users.probes import ConnectionProbe, ListenerProbe, QueueProbe, VersionProbe
from scenario.verdict.held import fds_per_notification

Tick = tuple[int, float, list[type[User]]]
PhaseOf = Callable[[], Iterator[Tick]]

SEED_PATIENCE = 30.0  # s without a new subscription
UPDATE_PATIENCE = 65.0  # s: above UpdateTrigger's own limits
SETTLED_AFTER = 5  # s after the update's answer, at the latest, the idle clients connect
SILENCE_LIMIT = 8.0  # s without any probe's record: above the sum of a probe's limits
SETTLE = 3.5  # s: above Locust's reports from its workers (3 s) and its rewriting of the CSV (1 s)
_log = logging.getLogger(__name__)


class Flow:
    """One run, after its preflight; what it does, `work`, is to hold the connections once."""

    def __init__(self, link: Link, recorder: Recorder, run: Run) -> None:
        self.link, self.recorder, self.run, self.options = link, recorder, run, run.options
        self.broker = broker_of(run.options)
        self.workers = set(link.workers())

    @property
    def progress(self) -> Progress:
        """What the hold under way has come to so far."""
        return self.recorder.progress

    @property
    def schedule(self) -> Schedule:
        """The seconds of the hold under way; known from its baseline on."""
        assert self.link.schedule is not None
        return self.link.schedule

    @property
    def subscriptions(self) -> int:
        """Connections to hold now."""
        return self.recorder.subscriptions

    def ticks(self) -> Iterator[Tick]:
        """Go through the run."""
        yield from self.work()
        self.link.publish(RunEnded())
        yield from self.settle()

    def work(self) -> Iterator[Tick]:
        """Hold the connections, once."""
        self.link.publish(HoldBegan(self.options.subscriptions))
        yield from self.through(self.reset, self.seed, self.baseline, self.trigger, self.observe)

    def through(self, *phases: PhaseOf) -> Iterator[Tick]:
        """Go through phases; what ends them early is published."""
        name = ""
        try:
            for phase in phases:
                name = phase.__name__.replace("_", " ")
                self.link.publish(Phase(name))
                yield from phase()
        except (Failed, Lost) as end:
            self.link.publish(Ended(str(end), failed=isinstance(end, Failed)))
        except Exception as error:
            _log.exception("phase %s failed", name)
            self.link.publish(Unforeseen(f"phase {name}", repr(error)))

    def users(self, count: int, *classes: type[User]) -> Tick:
        """Ask for `count` users in all, those to be added of `classes`. Raises Lost when a worker came or went."""
        if set(self.link.workers()) != self.workers:
            raise Lost("a worker was lost, or another joined: nobody replaces the users it ran")
        return count, max(self.options.seeders, len(self.workers), 10), list(classes) or [SubscriptionSeeder]

    def reset(self) -> Iterator[Tick]:
        """Drop the service's database, and wait until the broker's subscription cache has let go of it."""
        before = self.broker.ask_count()
        if not self.options.reset:
            self.link.publish(Reset(before))
            return
        cache, name = self.broker.cache(), self.broker.database
        database.drop(self.options.mongo, name)
        self.say(f"dropped database {name} ({before} subscriptions)")
        left = self.broker.ask_count()
        self.link.publish(Reset(0, left))
        if left:
            raise Failed(f"subscriptions: {left} are left in the service after its database {name} was dropped")
        yield from self._wait_for_cache(cache, before)

    def _wait_for_cache(self, before: Cache | None, dropped: int) -> Iterator[Tick]:
        """Wait for a refresh of the cache; without it the run would notify subscriptions that no longer exist."""
        started = time.monotonic()
        while time.monotonic() - started < self.options.cache_limit:
            now = self.broker.cache()
            if now is None or before is None:
                if not dropped:
                    return
            elif now.items == 0 or (now.refreshes > before.refreshes and now.items <= before.items - dropped):
                return
            yield self.users(0)
        self.say(f"the subscription cache was not seen to let go within {self.options.cache_limit} s; going on")

    def seed(self) -> Iterator[Tick]:
        """Create the subscriptions, and have the broker count them."""
        wanted, workers = self.subscriptions, self.link.workers()
        self.link.announce(shares(wanted, len(workers)))
        seeders = max(self.options.seeders, len(workers))  # at least one per worker, else its share is never seeded
        created, at = 0, time.monotonic()
        while self.progress.created + self.progress.refused < wanted:
            yield self.users(seeders, SubscriptionSeeder)
            now = time.monotonic()
            if self.progress.created > created:
                rate = (self.progress.created - created) / (now - at)
                created, at = self.progress.created, now
                self.say(f"{created} of {wanted} subscriptions ({rate:.0f}/s)")
            elif now - at > SEED_PATIENCE:
                raise Failed(f"subscriptions: {created} of {wanted} created, and none for {SEED_PATIENCE:.0f} s")
        client_of(self.options).ensure_subscriptions(self.options.healthy_url, self.options.healthy)
        while self.link.runner.user_count:
            yield self.users(0)
        if self.progress.refused:
            refused = f"{self.progress.refused} refused, the first with: {self.progress.refusal}"
            raise Failed(f"subscriptions: {self.progress.created} of {wanted} created, {refused}")
        counted, expected = self.broker.ask_count(), self.progress.existing + wanted
        if counted != expected:
            raise Failed(f"subscriptions: the broker counts {counted} in the service instead of {expected}")

    def baseline(self) -> Iterator[Tick]:
        """Probe the broker at rest. The user that triggers starts here already, so that it is on time."""
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
                raise Lost("trigger: nobody reported the answer to the update")
            yield self.probing(UpdateTrigger, *self.probes)
        if self.progress.update.error:
            raise Failed(f"trigger: the update was answered with: {self.progress.update.error}")
        self.say(f"the update was answered after {self.progress.update.latency:.0f} ms")

    def observe(self) -> Iterator[Tick]:
        """Probe until the last row; the idle clients connect when the notifications' connections are there."""
        while not self._connections_settled():
            yield self.probing(UpdateTrigger, *self.probes)
        self._say_what_a_notification_costs()
        release = self.schedule.release
        while not self.recorder.complete:
            if release is not None and self.run.clock.now() >= release:
                release = None
                self.release()
            if self.options.idle_connections:
                yield self.probing(IdleClient, before=len(self.probes) + 1)
            else:
                yield self.probing(UpdateTrigger, *self.probes)

    @property
    def probes(self) -> list[type[User]]:
        """The users that measure."""
        asked: dict[type[User], bool] = {
            QueueProbe: self.options.queue_size,
            ConnectionProbe: self.options.connection_info,
            ClientProbe: self.options.client,
        }
        return [VersionProbe, ListenerProbe, *(kind for kind, wanted in asked.items() if wanted)]

    def release(self) -> int:
        """Have the listeners answer all that they hold, and close; return how many that were. Raises Lost."""
        try:
            return sum(listeners.release(address) for address in dict.fromkeys(self.options.listener_addresses))
        except ListenerError as error:
            raise Lost(f"release: {error}") from None

    def probing(self, *added: type[User], before: int = 0) -> Tick:
        """Ask for the probes, whose rows go on meanwhile. Raises Lost when none of them reports any more."""
        self.recorder.advance(self.run.clock.now())
        if self.run.clock.now() - self.recorder.last_sample > SILENCE_LIMIT:
            raise Lost(f"no probe reported anything for {SILENCE_LIMIT:.0f} s")
        return self.users(before + len(added), *added)

    def _connections_settled(self) -> bool:
        """Tell whether the notifications' connections have stopped coming, or it is time to go on anyway."""
        now, update = self.run.clock.now(), self.progress.update
        latest = self.schedule.end - self.options.idle_release - IDLE_CHECK - 2
        if update is None or now > min(update.answered + SETTLED_AFTER, latest):
            return True
        counts = [row.established for row in self.recorder.rows[-2:] if row.second > update.answered]
        return len(counts) == 2 and counts[0] is not None and counts[0] == counts[1]

    def _say_what_a_notification_costs(self) -> None:
        """Say the descriptors that a held notification costs here, which the preflight had to assume."""
        each = fds_per_notification(self.recorder.rows)
        if each is not None and not self.recorder.steps:  # later on, some were kept from the steps before
            wanted = self.subscriptions
            needed = f"{wanted} x {each:.1f} + {SPARE} = {wanted * each + SPARE:.0f} needed"
            self.say(f"a held notification costs the broker {each:.1f} file descriptors: {needed}")

    def settle(self) -> Iterator[Tick]:
        """Stop all users, and leave Locust the time to collect and write its last statistics."""
        self.link.publish(Phase("settle"))
        end = time.monotonic() + SETTLE
        while time.monotonic() < end:
            yield 0, 1, [SubscriptionSeeder]

    def say(self, text: str) -> None:
        """Tell of the progress."""
        self.link.publish(Said(self.recorder.phase, text))
