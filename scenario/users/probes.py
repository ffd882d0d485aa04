"""The Locust users that measure each second: version (--rate times), notification queue, connections, listeners."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from locust import HttpUser, User

import gevent
import msgspec
import requests

from scenario.errors import BrokerError, InspectionError
from scenario.peers.answers import Answer, WrongShapeError
from scenario.peers.bounds import bound
from scenario.peers.broker import Request
from scenario.peers.failures import Failure, Kind, kind_of, of_exception, parts
from scenario.peers.inspection import Limit
from scenario.peers.inspector import Inspector
from scenario.peers.listeners import HOST, ListenerStats, figures_of, notified_of, read_stats
from scenario.peers.queue import WithQueue
from scenario.run.samples import ConnectionSample, ListenerSample, QueueSample, VersionSample
from scenario.run.tries import Tried
from scenario.users.attempts import ATTEMPT_TIMEOUT, attempt
from scenario.users.each_second import EachSecond
from scenario.users.run_user import failure_of

VERSION_LIMIT = 4.5  # s in all: a little more than ATTEMPT_TIMEOUT
CACHE_TIMEOUT = (0.5, 0.5)  # s to connect, s to answer; Orion takes milliseconds, even while it refreshes the cache
SAME_NAMES = (  # figures of a ConnectionSample with the inspector's names
    *("listen_queue", "listen_backlog", "state", "cpu_seconds", "cpus", "throttled_seconds", "host_idle_seconds"),
    *("threads_refused", "oom_kills", "host_oom_kills", "listen_overflows", "listen_drops", "retransmits", "resets"),
    *("connect_failures", "syn_retransmits", "unresolved", "lookup_seconds"),
    *("host_cpus", "host_busy_seconds", "host_steal_seconds"),
    *("database_cpu_seconds", "listener_cpu_seconds", "tester_cpu_seconds", "cpu_of_others"),
)


class VersionProbe(EachSecond, User):
    """GET /version, one attempt each time, over a new connection."""

    def probe(self, second: int) -> None:
        """Send --rate requests."""
        tester, at = self.tester, self.of_run.clock.now()
        if tried := self.tried(second, self.begins, self._ask):
            latency, failure, tries = self.summed(tried)
            error, kind = parts(failure)
            of_tester = tester.figures(self.of_run.clock.now() - second)
            self.link.publish(VersionSample(second, at, latency, error, tries, kind, **of_tester))

    def _ask(self, due: float | None) -> Tried:
        return attempt(self, self.broker.version(), self.broker.version_error, VERSION_LIMIT, due=due)


class QueueProbe(EachSecond, HttpUser):
    """GET /statistics and /cache/statistics over a kept-alive connection, which works even if new connections fail."""

    one_at_a_time = True

    @cached_property
    def with_queue(self) -> WithQueue:
        """The broker under test, of a kind that reports its queue."""
        assert isinstance(self.broker, WithQueue)
        return self.broker

    def on_start(self) -> None:
        bound(self.client, VERSION_LIMIT)
        self.broker.access.apply_to(self.client)

    def probe(self, second: int) -> None:
        at = self.of_run.clock.now()
        figures: dict[str, Any] = {}

        def look(answer: Answer) -> Failure | None:
            try:
                figures.update(msgspec.to_builtins(self.with_queue.statistics_of(answer)))
            except BrokerError as error:
                return Failure(kind_of(error), str(error))
            return None

        def look_at_cache(answer: Answer) -> None:
            if cache := self.with_queue.cache(answer):  # not every broker has one
                figures.update(refreshes=cache.refreshes, cache_items=cache.items)

        failure = self._ask(self.with_queue.statistics(), ATTEMPT_TIMEOUT, look)
        if failure is None:
            self._ask(self.with_queue.cache_statistics(), CACHE_TIMEOUT, look_at_cache)
        error, kind = parts(failure)
        self.link.publish(QueueSample(second, at, **figures, error=error, failure=kind))

    def _ask(
        self, asked: Request, timeout: tuple[float, float], look: Callable[[Answer], Failure | None]
    ) -> Failure | None:
        with self.client.get(
            asked.path,
            headers=self.broker.headers(asked),
            timeout=timeout,
            allow_redirects=False,
            catch_response=True,
        ) as response:
            failure = failure_of(response, look)
            if failure is None:
                response.success()  # a 404 is right for a broker without a cache
            return failure

    def missed(self, second: int) -> None:
        at = self.of_run.clock.now()
        error = "the question of the second before is not answered yet"
        self.link.publish(QueueSample(second, at, error=error, failure=Kind.NO_ANSWER))

    def on_stop(self) -> None:
        super().on_stop()
        self.client.close()


class ConnectionProbe(EachSecond, User):
    """Asks the inspector on the broker's host."""

    one_at_a_time = True

    def on_start(self) -> None:
        self.inspector = Inspector.of(self.of_run.options)

    def missed(self, second: int) -> None:
        at = self.of_run.clock.now()
        error = "the inspector was still busy with the second before"
        self.link.publish(ConnectionSample(second, at, error=error, failure=Kind.NO_ANSWER))

    def probe(self, second: int) -> None:
        self.link.publish(self._sample(second, self.of_run.clock.now()))

    def _sample(self, second: int, at: float) -> ConnectionSample:
        with self.environment.events.request.measure("RPyC", "inspect") as meta:
            try:
                seen = self.inspector.inspect()
            except InspectionError as error:
                meta["exception"] = error
                return ConnectionSample(second, at, error=str(error), failure=kind_of(error))
        return ConnectionSample(
            second,
            self.of_run.clock.now(),  # after counting, so that a count from before the idle clients is recognized
            seen.states.get("ESTABLISHED", 0),
            seen.states.get("CLOSE_WAIT", 0),
            seen.fds,
            seen.threads,
            seen.rss,
            nofile=seen.nofile,
            free_low=seen.free_below_1024,
            to_listeners=seen.to_listeners_in("ESTABLISHED"),
            listener_ports=seen.listener_ports.count,
            listener_port_span=seen.listener_ports.span,
            listener_ports_taken=seen.listener_ports.taken,
            inbound=seen.inbound.get("ESTABLISHED", 0) + seen.inbound.get("CLOSE_WAIT", 0),
            to_database=seen.to_database,
            connecting_to_listeners=seen.to_listeners_in("SYN_SENT"),
            close_wait_to_listeners=seen.to_listeners_in("CLOSE_WAIT"),
            also_listening=len(seen.also_listening),
            **_tightest("threads", seen.threads_limits),
            **_tightest("memory", seen.memory_limits),
            **{name: getattr(seen, name) for name in SAME_NAMES},
            inspector=seen.inspector,
            process=f"{seen.pid} started {seen.started}",
        )

    def on_stop(self) -> None:
        super().on_stop()
        self.inspector.close()


def _tightest(what: str, limits: tuple[Limit, ...]) -> dict[str, Any]:
    if not limits:
        return {}
    return {f"{what}_limit": limits[0].limit, f"{what}_used": limits[0].used, f"{what}_limit_at": limits[0].where}


class ListenerProbe(EachSecond, User):
    """Asks the listeners how many notifications they hold: GET /-/stats. Other receivers may not have it."""

    def on_start(self) -> None:
        """Open one kept-alive session for all listeners."""
        self.addresses = self.of_run.options.listener_addresses
        self.session = requests.Session()
        bound(self.session, VERSION_LIMIT)

    def probe(self, second: int) -> None:
        """Sum the listeners' statistics. If one is missing, there is no sum, and the error says which."""
        at = self.of_run.clock.now()
        # at the same time, because each may take its whole limit
        answers = self.in_flight.map(self._ask, self.addresses)
        both = list(zip(self.addresses, answers, strict=True))
        known = {address: stats for address, (stats, _) in both if stats}
        failed = {address: failure for address, (_, failure) in both if failure}
        sample = ListenerSample(
            second,
            at,
            **({} if failed else figures_of(known)),
            **notified_of(known),
            error="; ".join(f"{address}: {failure}" for address, failure in failed.items()),
            failures={address: failure.kind for address, failure in failed.items()},
            ids={address: stats.id for address, stats in known.items() if stats.id},
        )
        self.link.publish(sample)

    def _ask(self, address: str) -> tuple[ListenerStats | None, Failure | None]:
        """Return a listener's statistics, or why there are none."""
        try:
            with gevent.Timeout(VERSION_LIMIT, requests.ReadTimeout()):
                response = self._get(f"http://{address}/-/stats")
            return read_stats(Answer(response.status_code, response.headers, response.text)), None
        except WrongShapeError as error:
            return None, Failure(Kind.CONTENT, str(error))
        except requests.RequestException as error:
            return None, of_exception(error)

    def _get(self, url: str) -> requests.Response:
        try:
            return self.session.get(url, headers=HOST, timeout=ATTEMPT_TIMEOUT, allow_redirects=False)
        except requests.ConnectTimeout:
            raise
        except requests.ConnectionError:  # the listener may close an idle connection at that moment
            return self.session.get(url, headers=HOST, timeout=ATTEMPT_TIMEOUT, allow_redirects=False)

    def on_stop(self) -> None:
        super().on_stop()
        self.session.close()
