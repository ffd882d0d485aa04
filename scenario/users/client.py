"""The ordinary client: a normal user of the broker, while thousands of notifications are held."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import cached_property

from locust import User

import gevent

from scenario.errors import ListenerError
from scenario.peers import client_of
from scenario.peers.answers import Answer
from scenario.peers.broker import AGAIN_AFTER, Broker, Request, update_number
from scenario.peers.failures import Failure, parts
from scenario.run.samples import ClientSample, HealthySample
from scenario.run.tries import Tried, dues
from scenario.users.attempts import attempt
from scenario.users.each_second import EachSecond, result
from scenario.users.healthy import Sent, Subscribers
from scenario.users.slow_receivers import SlowReceivers
from scenario.users.written import Written

LOOK_AFTER, LOOK_LIMIT = 0.5, 2.0  # s after the second's last update
LIMIT = 2.5  # s for the update, and again for the query; both end before their row is emitted


class ClientProbe(EachSecond, User):
    """Updates an entity of its own and reads it back, each over a new connection.

    Not at the moment of GET /version: a broker that has place for one more would answer one of the two, at random. With
    a rate of 1 the query follows its update; else it has a schedule of its own, for a late update delays no query.

    Once the slow receivers have answered, its updates notify nobody: each notification would take a worker, and close
    the connection that this kept. The CLOSE_WAIT connections would become fewer because they are looked at.
    """

    begins, query_begins = 0.3, 0.65

    def on_start(self) -> None:
        self.written = Written()
        options = self.of_run.options
        self.slow = SlowReceivers(options.listener_addresses, self.schedule.trigger)
        self.subscribers = Subscribers(options.probes.healthy, options.healthy_address, self.of_run.clock.now)
        if options.probes.healthy_apart:
            self.subscribers.same_since = self.schedule.trigger
        if options.probes.healthy:
            with suppress(ListenerError):  # the first row reports it
                self.subscribers.begin()

    @cached_property
    def broker(self) -> Broker:
        """The broker under test, in the client's scope."""
        return client_of(self.of_run.options, self.of_run.id)

    def probe(self, second: int) -> None:
        """Write the time, read it back, and look for its notifications."""
        tester, at = self.tester, self.of_run.clock.now()
        update = self._update
        if self.of_run.options.probes.healthy:
            quiet = self.slow.have_answered
            self.in_flight.spawn(self._look, second, quiet)
            update = self._quiet_update if quiet else update
        if self.rate == 1:
            updates, queries = [update()], [self._query()]
        else:
            reader = self.in_flight.spawn(self.tried, second, self.query_begins, self._query)
            updates, queries = self.tried(second, self.begins, update), result(reader)
        if updates and queries:
            latency, update_failure, update_tries = self.summed(updates)
            query, query_failure, query_tries = self.summed(queries)
            update_error, update_kind = parts(update_failure)
            query_error, query_kind = parts(query_failure)
            answers = (latency, update_error, query, query_error, update_tries, query_tries, update_kind, query_kind)
            late = round(tester.late(self.of_run.clock.now() - second), 1)
            self.link.publish(ClientSample(second, at, *answers, late=late))

    def _update(self, due: float | None = None) -> Tried:
        at = due if due is not None else self.of_run.clock.now()
        sent = Sent(at)
        self.subscribers.note_update(update_number(at), sent)
        update = self._write(at, self.broker.update(at), due)
        sent.taken = not update.failure
        return update

    def _quiet_update(self, due: float | None = None) -> Tried:
        at = due if due is not None else self.of_run.clock.now()
        return self._write(at, self.broker.quiet_update(at), due)

    def _write(self, at: float, asked: Request, due: float | None) -> Tried:
        number = update_number(at)
        self.written.sent(number)

        def judge(answer: Answer) -> Failure | None:
            self.written.was_answered(number, self.of_run.clock.now() * 1000)
            return self.broker.update_error(answer)

        update = attempt(self, asked, judge, LIMIT, name="client: update", due=due)
        if not update.failure:
            self.written.was_taken(number)
        return update

    def _look(self, second: int, quiet: bool) -> None:
        """Late enough in the second for notifications of its own updates."""
        self.of_run.clock.sleep_until(dues(second, self.begins, self.rate)[-1] + LOOK_AFTER)
        try:
            with gevent.Timeout(LOOK_LIMIT):
                sample = self.subscribers.look(second)
        except (ListenerError, gevent.Timeout) as error:
            why = str(error) if isinstance(error, ListenerError) else f"no answer within {LOOK_LIMIT} s"
            sample = HealthySample(second, self.of_run.clock.now(), error=why)
        latencies = sample.latencies if self.rate > 1 else ()
        self.link.publish(replace(sample, quiet=quiet, latencies=latencies))
        if not self.of_run.options.probes.healthy_apart:  # otherwise its updates never notify anyone
            with suppress(ListenerError):  # the rows report it
                self.slow.look()

    def _query(self, due: float | None = None) -> Tried:
        """Read the value back. Try once more if it is not there yet."""
        early: Failure | None = None
        concurrent = self.written.concurrent

        def look(answer: Answer) -> Failure | None:
            nonlocal early
            early = self.broker.query_error(answer, concurrent.newest, concurrent)
            return early if answer.status != 200 else None

        query = attempt(self, self.broker.query(), look, LIMIT - AGAIN_AFTER, name="client: query", due=due)
        if query.failure or not early:
            return query
        gevent.sleep(AGAIN_AFTER)
        spent = query.latency + AGAIN_AFTER * 1000

        def judge(answer: Answer) -> Failure | None:
            return self.broker.query_error(answer, concurrent.newest, concurrent)

        left = LIMIT - (spent - query.late) / 1000
        again = attempt(self, self.broker.query(), judge, left, name="client: query")
        return Tried(spent + again.latency, again.failure, query.late)
