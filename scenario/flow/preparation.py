"""The phases before the broker is measured: reset and seed."""

from __future__ import annotations

import time
from collections.abc import Iterator

import gevent

from scenario.errors import BrokerError, Failed, Lost
from scenario.flow.phases import Phases, Tick
from scenario.peers import broker_of, client_of, database, drops_database
from scenario.peers.database import Contents
from scenario.peers.statistics import Cache
from scenario.run.link import shares
from scenario.run.records import Reset
from scenario.settings.options import SEEDERS
from scenario.settings.secrets import redacted
from scenario.users.load import SubscriptionSeeder

REMOVAL_LIMIT = 75.0  # s for what earlier runs left
CACHE_SPARE = 15  # s beyond -subCacheIval for a refresh of the cache
CACHE_LONGEST = 300  # s; if refreshes are further apart, the run does not wait for one
SEED_PATIENCE = 30.0  # s without a new subscription
SEEN_PATIENCE = 5.0  # s until the first subscription is in the database; -writeConcern 0 delays it


class Preparation(Phases):
    """Prepares a broker that has the subscriptions of this run, and no others."""

    _first_created: float | None = None  # time.monotonic()
    _seen = False

    def reset(self) -> Iterator[Tick]:
        """Remove what earlier runs left, and drop the service's database if that is allowed."""
        self.broker.prepare(self.run.clock.now())
        if not self.options.broker.reset:
            self.link.publish(Reset(self.broker.ask_count()))
            return
        if not drops_database(self.options):
            self._remove_own()
            if left := self.broker.ask_count():
                raise Failed(f"subscriptions: {left} of earlier runs are left")
            self.link.publish(Reset(0))
            return
        self.broker.ask_count()
        name = self.found.database
        if self._contents(name).own:
            self._remove_own()
        cache = self.broker.ask_cache()
        self._contents(name)
        database.drop(self.options.broker.mongo, name)
        self.say(f"dropped database {name}")
        left = self.broker.ask_count()
        self.link.publish(Reset(0, left))
        if left:
            raise Failed(f"subscriptions: {left} are left in the service after its database {name} was dropped")
        yield from self._wait_for_cache(cache, name)

    def _contents(self, name: str) -> Contents:
        """Look into the database once more. Raises Lost if it has data that does not belong to the test."""
        contents = database.look(self.options.broker.mongo, name, self.broker.own_documents)
        if contents.foreign and self.options.broker.drop_foreign != name:
            raise Lost(f"reset: {name} was not dropped, because it holds {'; '.join(map(str, contents.foreign))}")
        return contents

    def _remove_own(self) -> None:
        """Remove through the broker what earlier runs left. Unlike a drop, this also empties its subscription cache."""
        removed, limit = 0, REMOVAL_LIMIT
        started = said = time.monotonic()
        try:
            with gevent.Timeout(limit, BrokerError(f"it took more than {limit:.0f} s")):
                for broker in (broker_of(self.options), client_of(self.options)):
                    for _ in broker.remove_all():
                        removed += 1
                        if time.monotonic() - said > 1:
                            said = time.monotonic()
                            self.say(f"{removed} subscriptions of earlier runs removed so far")
        except BrokerError as error:
            self.say(f"{removed} subscriptions of earlier runs removed, then: {error}")
        else:
            self.say(f"removed {removed} subscriptions of earlier runs in {time.monotonic() - started:.1f} s")

    def _wait_for_cache(self, before: Cache | None, name: str) -> Iterator[Tick]:
        """Wait for a refresh if the cache holds subscriptions that no database has. They would be notified too."""
        interval = self.found.command_line.cache_interval
        patience = interval + CACHE_SPARE if 0 < interval <= CACHE_LONGEST else 0
        started = time.monotonic()
        stored = database.count_all(
            self.options.broker.mongo, name, {each: {} for each in self.broker.own_subscriptions}
        )
        while (now := self.broker.ask_cache()) is not None:
            if now.items <= stored or (before and now.refreshes > before.refreshes):
                return
            if time.monotonic() - started > patience:
                held = f"{now.items} subscriptions, the databases {stored}"
                self.say(f"the subscription cache holds {held}, and was not refreshed within {patience} s; continuing")
                return
            yield self.users(0)

    def seed(self) -> Iterator[Tick]:
        """Create the subscriptions, and check their number with the broker."""
        wanted, workers = self.subscriptions, self.link.workers()
        self.link.announce(shares(wanted, len(workers)))
        seeders = max(SEEDERS, len(workers))  # at least one per worker, so that each share is seeded
        created, at = 0, time.monotonic()
        while self.progress.created + self.progress.refused < wanted:
            yield self.users(seeders, SubscriptionSeeder)
            now = time.monotonic()
            self._is_seen()
            if self.progress.created > created:
                rate = (self.progress.created - created) / (now - at)
                created, at = self.progress.created, now
                self.say(f"{created} of {wanted} subscriptions ({rate:.0f}/s)")
            elif now - at > SEED_PATIENCE:
                raise Failed(f"subscriptions: {created} of {wanted} created, and none for {SEED_PATIENCE:.0f} s")
        while self.link.runner.user_count or not self._is_seen():
            yield self.users(0)
        if self.progress.refused:
            refused = f"{self.progress.refused} refused, the first with: {self.progress.refusal}"
            kind = self.progress.kinds.get(self.progress.refusal)
            raise Failed(f"subscriptions: {self.progress.created} of {wanted} created, {refused}", kind)
        healthy, url = self.options.probes.healthy, f"http://{self.options.healthy_address}/healthy"
        client_of(self.options, self.run.id).ensure_subscriptions(url, healthy)
        counted, expected = self.broker.ask_count(), self.progress.existing + wanted
        if counted != expected:
            raise Failed(f"subscriptions: the broker counts {counted} in the service instead of {expected}")
        if self.options.probes.healthy_apart:
            self.broker.add_subscriptions(url, healthy)  # notified by the same update as the slow ones

    def _is_seen(self) -> bool:
        """Whether a subscription of this run appeared in the dropped database. Raises Lost if it is elsewhere."""
        if self._seen or not drops_database(self.options) or not self.progress.created:
            return True
        if self._first_created is None:
            self._first_created = time.monotonic()
        name = self.found.database
        self._seen = database.count(self.options.broker.mongo, name, self.broker.own_subscriptions) > 0
        if not self._seen and time.monotonic() - self._first_created > SEEN_PATIENCE:
            named = [
                f"{option} {value}" for option in ("-dbURI", "-dbhost", "-db") if (value := self.found.argument(option))
            ]
            where = f"{name} at {redacted(self.options.broker.mongo)} (--mongo)"
            raise Lost(
                f"seed: the broker keeps its subscriptions elsewhere: none is in {where}; "
                f"its command line: {redacted(', '.join(named)) or 'names no database'}"
            )
        return self._seen
