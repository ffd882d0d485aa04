"""The phases before the broker is measured: reset and seed."""

from __future__ import annotations

import time
from collections.abc import Iterator

from scenario.errors import Failed, Lost
from scenario.flow.phases import Phases, Tick
from scenario.peers import client_of, database
from scenario.peers.statistics import Cache
from scenario.run.link import shares
from scenario.run.records import Reset
from scenario.settings.secrets import redacted
from scenario.users.load import SubscriptionSeeder

SEED_PATIENCE = 30.0  # s without a new subscription
SEEN_PATIENCE = 5.0  # s until the first subscription is in the database: with -writeConcern 0 it comes later


class Preparation(Phases):
    """Leads to a broker that has the subscriptions to be notified, and no others."""

    _first_created: float | None = None  # time.monotonic()
    _seen = False

    def reset(self) -> Iterator[Tick]:
        """Drop the service's database, and wait until the broker's subscription cache has let go of it."""
        before = self.broker.ask_count()
        if not self.options.reset:
            self.link.publish(Reset(before))
            return
        cache, name = self.broker.ask_cache(), self.found.database
        self._require_own(name)
        database.drop(self.options.mongo, name)
        self.say(f"dropped database {name} ({before} subscriptions)")
        left = self.broker.ask_count()
        self.link.publish(Reset(0, left))
        if left:
            raise Failed(f"subscriptions: {left} are left in the service after its database {name} was dropped")
        yield from self._wait_for_cache(cache, before)

    def _require_own(self, name: str) -> None:
        """Look inside once more before the drop. Raises Lost when something is there that is not the test's own."""
        foreign = database.look(self.options.mongo, name, self.broker.own).foreign
        if foreign and self.options.drop_foreign != name:
            raise Lost(f"reset: {name} was not dropped, for it holds {'; '.join(map(str, foreign))}")

    def _wait_for_cache(self, before: Cache | None, dropped: int) -> Iterator[Tick]:
        """Wait for a refresh of the cache; without it the run would notify subscriptions that no longer exist."""
        started = time.monotonic()
        while time.monotonic() - started < self.options.cache_limit:
            now = self.broker.ask_cache()
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
            raise Failed(f"subscriptions: {self.progress.created} of {wanted} created, {refused}")
        client_of(self.options, self.run.id).ensure_subscriptions(self.options.healthy_url, self.options.healthy)
        counted, expected = self.broker.ask_count(), self.progress.existing + wanted
        if counted != expected:
            raise Failed(f"subscriptions: the broker counts {counted} in the service instead of {expected}")

    def _is_seen(self) -> bool:
        """Tell whether a subscription of this run was seen in the database that was dropped. Raises Lost: elsewhere."""
        if self._seen or not self.options.reset or not self.progress.created:
            return True
        if self._first_created is None:
            self._first_created = time.monotonic()
        name = self.found.database
        self._seen = database.count(self.options.mongo, name, self.broker.own_subscriptions) > 0
        if not self._seen and time.monotonic() - self._first_created > SEEN_PATIENCE:
            told = [
                f"{option} {value}" for option in ("-dbURI", "-dbhost", "-db") if (value := self.found.argument(option))
            ]
            where = f"{name} at {redacted(self.options.mongo)} (--mongo)"
            raise Lost(
                f"seed: the broker keeps its subscriptions elsewhere, none is in {where}; "
                f"its command line: {redacted(', '.join(told)) or 'tells no database'}"
            )
        return self._seen
