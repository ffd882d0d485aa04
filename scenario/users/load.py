"""The Locust users that load the broker: they seed, trigger and hold idle connections.

How many of which kind run is the shape's business (scenario/flow). A user that has done its part parks: one that left
would be started again at the next change of phase.
"""

from __future__ import annotations

import socket
import time
from http.client import HTTPConnection, HTTPException

from locust import HttpUser, constant, task

import gevent
from gevent.pool import Pool

from scenario.peers.answers import KeptAlive
from scenario.peers.bounds import BoundedResponse, bound
from scenario.peers.failures import Failure, of_exception, parts
from scenario.run.records import IdleClients, Seeded, Update
from scenario.settings.options import IDLE_RELEASE
from scenario.settings.secrets import shown
from scenario.users.run_user import RunUser, failure_of, park

CONNECT_TIMEOUT = 2.0  # s
IDLE_TIMEOUT = 2.0  # s for the answer to an idle client at the end
IDLE_CHECK = 2.5  # s before the idle clients close, when they send a request: IDLE_TIMEOUT and a little more
REPORT_EVERY = 0.5  # s between a seeder's reports
MOST_AT_ONCE = 64  # updates under way: above, the probes of the same process would not get their turn
UPDATE_TIMEOUT = 60.0  # s without connecting; Orion took 0.5 to 2 s for 5,000 subscriptions


class SubscriptionSeeder(RunUser):
    """Creates subscriptions over one kept-alive connection until this process's share is done."""

    wait_time = constant(0)

    def on_start(self) -> None:
        self.connection = KeptAlive(self.broker.host, self.broker.access)
        self.urls = self.of_run.options.slow_urls

    @task
    def seed(self) -> None:
        """Create subscriptions for REPORT_EVERY s, and report."""
        created = refused = 0
        first: Failure | None = None
        index: int | None = None
        report_at = time.monotonic() + REPORT_EVERY
        while time.monotonic() < report_at:
            index = next(self.link.quota, None)
            if index is None:
                break
            failure = self._create(index)
            created, refused, first = created + (failure is None), refused + (failure is not None), first or failure
        if created or refused:
            self.link.publish(Seeded(created, refused, *parts(first)))
        if index is None:
            park()

    def _create(self, index: int) -> Failure | None:
        urls = self.urls
        asked = self.broker.subscribe(urls[index % len(urls)])
        with self.environment.events.request.measure(asked.method, asked.path) as meta:
            try:
                answer = self.connection.ask(asked.method, asked.path, self.broker.headers(asked), asked.body)
                failure = shown(self.broker.subscribe_error(answer))
            except (OSError, HTTPException) as error:
                failure = shown(of_exception(error))
            if failure:
                meta["exception"] = failure.text
        return failure

    def on_stop(self) -> None:
        """Close the connection. If it stayed open, it would count as one of the broker's."""
        self.connection.close()


class UpdateTrigger(RunUser, HttpUser):
    """Sends the triggering update when the schedule says so."""

    def on_start(self) -> None:
        self.pool = Pool(MOST_AT_ONCE)
        bound(self.client, CONNECT_TIMEOUT + UPDATE_TIMEOUT)
        self.broker.access.apply_to(self.client)

    @task
    def trigger(self) -> None:
        """Wait for the second of the trigger, send --updates updates at once, and report."""
        run = self.of_run
        run.clock.sleep_until(self.schedule.trigger)
        at = run.clock.now()
        failures = self.pool.map(lambda entity: self._send(at, entity), range(run.options.load.updates))
        self.client.close()
        self.link.publish(Update(at, (run.clock.now() - at) * 1000, *parts(next(filter(None, failures), None))))
        park()

    def _send(self, at: float, entity: int) -> Failure | None:
        """Update one entity."""
        asked = self.broker.update(at, entity)
        with self.client.post(
            asked.path,
            data=asked.body,
            headers={**self.broker.headers(asked), "Connection": "close"},
            timeout=(CONNECT_TIMEOUT, UPDATE_TIMEOUT),
            allow_redirects=False,
            catch_response=True,
        ) as response:
            return failure_of(response, self.broker.update_error)

    def on_stop(self) -> None:
        """Abandon the updates that are not answered yet."""
        self.pool.kill()
        self.client.close()


class IdleClient(RunUser):
    """Opens plain TCP connections, holds them, and sends a request on each at the end.

    One user holds all of them. The original test did it by hand, with several telnets.
    """

    def on_start(self) -> None:
        self.held: list[socket.socket] = []
        self.pool = Pool(50)

    @task
    def hold(self) -> None:
        """Connect, hold until shortly before the end, send a request, close."""
        clock, wanted = self.of_run.clock, self.of_run.options.load.idle_connections
        at = clock.now()
        self.held = self._connected(wanted)
        gevent.sleep(1)  # a broker that cannot serve them closes them within ms
        accepted = sum(map(is_open, self.held))
        error = f"{wanted - len(self.held)} not connected, {len(self.held) - accepted} closed by the broker"
        error = "" if accepted == wanted else error
        self.link.publish(IdleClients(at, accepted, error=error))
        let_go = self.schedule.end - IDLE_RELEASE
        while clock.now() < let_go - IDLE_CHECK:
            clock.sleep_until(min(clock.now() + 1, let_go - IDLE_CHECK))
            self._connect_again()
        answered = sum(self.pool.map(self._is_served, [*self.held]))
        self.link.publish(IdleClients(at, accepted, answered, error=error))
        clock.sleep_until(let_go)
        self.on_stop()
        self.link.publish(IdleClients(at, accepted, answered, clock.now(), error))
        park()

    def _connect_again(self) -> None:
        """Replace connections that the broker closed, like a user with telnet would. It may have room now."""
        still = [connection for connection in self.held if is_open(connection)]
        for connection in {*self.held} - {*still}:
            connection.close()
        self.held = still + self._connected(self.of_run.options.load.idle_connections - len(still))

    def on_stop(self) -> None:
        self.pool.kill()
        for connection in self.held:
            connection.close()

    def _connected(self, count: int) -> list[socket.socket]:
        """Open connections. Return those that the broker accepted."""
        return [connection for connection in self.pool.map(self._connect, range(count)) if connection is not None]

    def _connect(self, _: int) -> socket.socket | None:
        try:
            return socket.create_connection(self.of_run.options.broker_address, timeout=CONNECT_TIMEOUT)
        except OSError:
            return None

    def _is_served(self, connection: socket.socket) -> bool:
        host, port = self.of_run.options.broker_address
        http = HTTPConnection(host, port)
        http.response_class = BoundedResponse
        try:
            with gevent.Timeout(IDLE_TIMEOUT, TimeoutError()):
                connection.settimeout(IDLE_TIMEOUT)
                if self.of_run.options.broker.host.startswith("https:"):
                    connection = self.broker.access.context().wrap_socket(connection, server_hostname=host)
                    self.held.append(connection)  # instead of the plain one, which is detached now
                http.sock = connection
                asked = self.broker.version()
                http.request(asked.method, asked.path, headers=self.broker.headers(asked))
                return http.getresponse().status == 200
        except (OSError, HTTPException):
            return False


def is_open(connection: socket.socket) -> bool:
    """Whether the other side still holds the connection. Call it only before a request was sent."""
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
