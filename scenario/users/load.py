"""The Locust users that load the broker: they seed, trigger, and hold idle connections (scenario.probes: who measures).

How many of which kind run is the shape's business (scenario.phases). A user that has done its part parks: one that left
would be started again at the next change of phase.
"""

from __future__ import annotations

import socket
import ssl
import time
from http.client import HTTPConnection, HTTPException
from typing import ClassVar

from locust import FastHttpUser, HttpUser, User, constant, task

import gevent
from gevent.pool import Pool

from scenario.peers import broker
from scenario.run import events
from scenario.run.records import IdleClients, Seeded, Update
from scenario.run.run import Run, Schedule

CONNECT_TIMEOUT = 2.0  # s
IDLE_TIMEOUT = 2.0  # s for the answer to an idle client, at the end
IDLE_CHECK = 2.5  # s before the idle clients let go, at which they ask: IDLE_TIMEOUT and a little
REPORT_EVERY = 0.5  # s between a seeder's reports
UPDATE_TIMEOUT = 60.0  # s; Orion took 0.5 to 2 s for 5,000 subscriptions


class RunUser(User):
    """A user that knows its run; `link` is set once per process."""

    abstract = True

    link: ClassVar[events.Link]

    @property
    def of_run(self) -> Run:
        """The run under way."""
        assert self.link.run is not None
        return self.link.run

    @property
    def schedule(self) -> Schedule:
        """The seconds of the run; known from the baseline on."""
        assert self.of_run.schedule is not None
        return self.of_run.schedule


def park() -> None:
    """Do nothing until the shape stops this user."""
    while True:
        gevent.sleep(3600)


class SubscriptionSeeder(RunUser, FastHttpUser):
    """Creates subscriptions over one kept-alive connection until this process's share is done."""

    wait_time = constant(0)
    connection_timeout, network_timeout, concurrency = 5.0, 10.0, 1

    @task
    def seed(self) -> None:
        """Create subscriptions for REPORT_EVERY s, and report."""
        created = refused = 0
        error = ""
        index: int | None = None
        report_at = time.monotonic() + REPORT_EVERY
        while time.monotonic() < report_at:
            index = next(self.of_run.quota, None)
            if index is None:
                break
            problem = self._create(index)
            created, refused, error = created + (not problem), refused + bool(problem), error or problem
        if created or refused:
            events.subscriptions_seeded.fire(record=Seeded(created, refused, error))
        if index is None:
            park()

    def _create(self, index: int) -> str:
        options = self.of_run.options
        url = options.notify_urls[index % len(options.notify_urls)]
        with self.client.post(
            "/v2/subscriptions",
            data=broker.subscription(url),
            headers={"Content-Type": "application/json", **broker.scope(options.service, options.service_path)},
            catch_response=True,
        ) as response:
            if response.status_code == 0:
                problem = broker.reason(response.error)
            else:
                problem = broker.creation_error(response.status_code, response.headers or {}, response.text)
            if problem:
                response.failure(problem)
            return problem

    def on_stop(self) -> None:
        """Close the connection: left open, it would count as one of the broker's."""
        self.client.client.close()


class UpdateTrigger(RunUser, HttpUser):
    """Sends the one update, when the schedule says so."""

    @task
    def trigger(self) -> None:
        """Wait for the second of the trigger, send, report."""
        run = self.of_run
        run.clock.sleep_until(self.schedule.trigger)
        at = run.clock.now()
        headers = {**broker.scope(run.options.service, run.options.service_path), "Connection": "close"}
        with self.client.post(
            "/v2/op/update",
            data=broker.update(at),
            headers={"Content-Type": "application/json", **headers},
            timeout=(CONNECT_TIMEOUT, UPDATE_TIMEOUT),
            catch_response=True,
        ) as response:
            error = ""
            if response.status_code != 204:
                error = broker.answer(response.status_code, response.text) if response.status_code else ""
                error = error or broker.reason(response.error)
                response.failure(error)
        self.client.close()
        events.update_sent.fire(record=Update(at, (run.clock.now() - at) * 1000, error))
        park()

    def on_stop(self) -> None:
        """Close the connection."""
        self.client.close()


class IdleClient(RunUser):
    """Opens plain TCP connections, holds them, and asks on each at the end whether it is still served.

    One user holds all of them. The original test did it by hand, with several telnets.
    """

    def on_start(self) -> None:
        """Hold nothing yet."""
        self.held: list[socket.socket] = []

    @task
    def hold(self) -> None:
        """Connect, hold until shortly before the end, ask, let go."""
        clock, wanted = self.of_run.clock, self.of_run.options.idle_connections
        crew = Pool(50)
        at = clock.now()
        connected = crew.map(self._connect, range(wanted))
        self.held = [connection for connection in connected if connection is not None]
        gevent.sleep(1)  # a broker that will not have them closes them within ms
        accepted = sum(map(is_open, self.held))
        error = f"{wanted - len(self.held)} not connected, {len(self.held) - accepted} closed by the broker"
        error = "" if accepted == wanted else error
        events.idle_clients_reported.fire(record=IdleClients(at, accepted, error=error))
        let_go = self.schedule.end - self.of_run.options.idle_release
        clock.sleep_until(let_go - IDLE_CHECK)
        answered = sum(crew.map(self._is_served, self.held))
        events.idle_clients_reported.fire(record=IdleClients(at, accepted, answered, error=error))
        clock.sleep_until(let_go)
        self.on_stop()
        events.idle_clients_reported.fire(record=IdleClients(at, accepted, answered, clock.now(), error))
        park()

    def on_stop(self) -> None:
        """Close the connections."""
        for connection in self.held:
            connection.close()

    def _connect(self, _: int) -> socket.socket | None:
        try:
            return socket.create_connection(self.of_run.options.broker_address, timeout=CONNECT_TIMEOUT)
        except OSError:
            return None

    def _is_served(self, connection: socket.socket) -> bool:
        host, port = self.of_run.options.broker_address
        client = HTTPConnection(host, port)
        try:
            connection.settimeout(IDLE_TIMEOUT)
            if self.of_run.options.host.startswith("https:"):
                connection = ssl.create_default_context().wrap_socket(connection, server_hostname=host)
            client.sock = connection
            client.request("GET", "/version")
            return client.getresponse().status == 200
        except (OSError, HTTPException):
            return False


def is_open(connection: socket.socket) -> bool:
    """Tell whether the other side has not closed the connection; nothing may have been asked on it."""
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
