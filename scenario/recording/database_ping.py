"""Pings the database each second, past the broker, to see whether the broker waits for its database.

The master or the only process sends it, because a worker does not know --mongo.
"""

from __future__ import annotations

import time
from typing import Any

from gevent.pool import Group

from scenario.errors import DatabaseError
from scenario.peers.database import Server
from scenario.peers.failures import kind_of
from scenario.run import events
from scenario.run.link import Link
from scenario.run.records import HoldEnded, RunEnded
from scenario.run.run import Run
from scenario.run.samples import DatabaseSample
from scenario.run.schedule import Schedule


class DatabasePing:
    """Pings in each second of a schedule, each time in its own greenlet, so that a hanging ping delays none."""

    def __init__(self, link: Link) -> None:
        self._link, self._request = link, link.runner.environment.events.request
        self._pings = Group()
        events.on(Schedule, self._begin)
        events.on(HoldEnded, self._end)
        events.on(RunEnded, self._end)

    def _begin(self, schedule: Schedule, **_: Any) -> None:
        self._end()
        run = self._link.run
        if run is not None and run.options.probes.pings:
            self._pings.spawn(self._ping_each_second, run, schedule)

    def _end(self, *_: Any, **__: Any) -> None:
        self._pings.kill(block=False)

    def _ping_each_second(self, run: Run, schedule: Schedule) -> None:
        server = Server(run.options.broker.mongo)
        try:
            server.connect()
            for second in schedule.seconds(run.clock):
                self._pings.spawn(self._ping, run, server, second)
            run.clock.sleep_until(schedule.end + server.limit + 1)
        finally:
            server.close()

    def _ping(self, run: Run, server: Server, second: int) -> None:
        at, started = run.clock.now(), time.perf_counter()
        error, kind = "", None
        with self._request.measure("MongoDB", "ping") as meta:
            try:
                server.ping()
            except DatabaseError as problem:
                meta["exception"] = problem
                error, kind = str(problem), kind_of(problem)
        latency = (time.perf_counter() - started) * 1000
        self._link.publish(DatabaseSample(second, at, latency, error, kind))
