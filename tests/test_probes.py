"""Probes: one question of a kind at a time; and what the tester notices of itself."""

from __future__ import annotations

import socket
import time
from itertools import pairwise
from typing import Any

import gevent
import pytest

from scenario.peers.failures import Kind
from scenario.users.attempts import attempt
from scenario.users.each_second import EachSecond
from scenario.users.probes import VersionProbe
from scenario.users.tester import LOOKUPS, Watch
from tests.support.users import user

SLOW = 1.3  # s


class Counting(EachSecond):
    """Asks for a counter that is answered late, with what was so when it was asked."""

    one_at_a_time = True
    abstract = True

    def probe(self, second: int) -> None:
        asked = time.monotonic()
        gevent.sleep(SLOW)
        self.link.publish((second, asked))

    def missed(self, second: int) -> None:
        self.link.publish((second, None))


def test_an_answer_is_never_overtaken() -> None:
    probe, published = user(Counting, "http://broker.test:1", 5)
    running = gevent.spawn(probe.probe_each_second)
    with gevent.Timeout(20):
        while len(published) < 5:
            gevent.sleep(0.1)
    running.kill()
    probe.on_stop()
    times = [asked for _, asked in published if asked is not None]
    assert len(times) >= 3, "a question waits for its turn as long as its second lasts"
    assert all(later - earlier >= SLOW for earlier, later in pairwise(times)), "one at a time"
    assert len({second for second, _ in published}) == 5


def test_a_late_loop_is_noticed() -> None:
    tester = Watch()
    watch = gevent.spawn(tester.watch)
    gevent.sleep(0.2)
    end = time.perf_counter() + 0.4
    while time.perf_counter() < end:
        pass
    assert tester.late(1) > 300, "also before the watch could look"
    gevent.sleep(0.2)
    assert tester.late(1) > 300
    figures = tester.figures(0.0)
    assert (figures["late"], figures["tester_lookup_seconds"]) == (pytest.approx(0, abs=200), 0)
    assert figures["tester_idle_seconds"] >= 0
    watch.kill()


def test_a_name_server_that_hangs_is_the_testers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def hanging(host: Any, *arguments: Any, **named: Any) -> Any:
        if host == "broker.test":
            gevent.sleep(10)
        return real(host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    probe, _ = user(VersionProbe, "http://broker.test:1", 1)
    assert probe.tester.lookup(1) == 0
    gevent.sleep(LOOKUPS)
    tried = attempt(probe, probe.broker.version(), probe.broker.version_error, 2.5)
    probe.on_stop()
    assert tried.failure
    assert tried.failure.kind == Kind.NAME_SERVER
