"""The ordinary client: what everybody else wants of the broker while thousands of its notifications are held."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property

from locust import User

import gevent

from scenario.errors import ListenerError
from scenario.peers import client_of
from scenario.peers.answers import Answer
from scenario.peers.broker import AGAIN_AFTER, Broker, update_number
from scenario.run.samples import ClientSample, HealthySample
from scenario.users.attempts import attempt
from scenario.users.healthy import Sent, Subscribers
from scenario.users.probes import EachSecond

LOOK_AT, LOOK_LIMIT = 0.8, 2.0  # s
LIMIT = 2.5  # s for the update, and again for the query: both are over before the row has to be handed out


class ClientProbe(EachSecond, User):
    """Updates an entity of its own and reads it back, each over a new connection.

    Not at the moment of GET /version: a broker that has place for one more would answer one of the two, at random.
    """

    begins = 0.3

    def on_start(self) -> None:
        """Have written nothing yet."""
        self.written = 0  # the newest number that the broker said it took
        self.unanswered: set[int] = set()  # numbers that it may have taken, or still may
        options = self.of_run.options
        self.subscribers = Subscribers(options.healthy, options.listener_addresses[0], self.of_run.clock.now)
        if options.healthy:
            with suppress(ListenerError):  # the first row says it
                self.subscribers.begin()

    @cached_property
    def broker(self) -> Broker:
        """The broker under test, in the client's service path."""
        return client_of(self.of_run.options, self.of_run.id)

    def probe(self, second: int) -> None:
        """Write the moment, then read what is there; see what was notified of it."""
        at = self.of_run.clock.now()
        if self.of_run.options.healthy:
            self.in_flight.spawn(self._look, second)
        number = update_number(at)
        beside = frozenset(self.unanswered)  # these may be stored after ours
        self.unanswered.add(number)
        sent = self.subscribers.updates[number] = Sent(at)

        def judge(answer: Answer) -> str:
            self.unanswered.discard(number)
            return self.broker.update_error(answer)

        update = attempt(self, self.broker.update(at), judge, LIMIT, "client: update")
        if not update[1]:
            sent.taken = True
            self.written = max(self.written, number)
        self.link.publish(ClientSample(second, at, *update, *self._query(self.written, beside)))

    def _look(self, second: int) -> None:
        """Late in the second, so that its row tells of its own update."""
        self.of_run.clock.sleep_until(second + LOOK_AT)
        try:
            with gevent.Timeout(LOOK_LIMIT):
                sample = self.subscribers.look(second)
        except (ListenerError, gevent.Timeout) as error:
            told = str(error) if isinstance(error, ListenerError) else f"no answer within {LOOK_LIMIT} s"
            sample = HealthySample(second, self.of_run.clock.now(), error=told)
        self.link.publish(sample)

    def _query(self, written: int, beside: frozenset[int]) -> tuple[float, str]:
        """Read what was written; once more when it is not there yet."""
        early = ""

        def look(answer: Answer) -> str:
            nonlocal early
            early = self.broker.query_error(answer, written, beside)
            return early if answer.status != 200 else ""

        latency, error = attempt(self, self.broker.query(), look, LIMIT - AGAIN_AFTER, "client: query")
        if error or not early:
            return latency, error
        gevent.sleep(AGAIN_AFTER)
        spent = latency + AGAIN_AFTER * 1000

        def judge(answer: Answer) -> str:
            return self.broker.query_error(answer, written, beside)

        latency, error = attempt(self, self.broker.query(), judge, LIMIT - spent / 1000, "client: query")
        return spent + latency, error
