"""Healthy subscribers: when they were notified, on one clock; what the verdict makes of it; and real runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gevent
import pytest
from gevent.pool import Group

from listener.arrivals import PAGE
from scenario.errors import ListenerError
from scenario.peers.command_line import Pool
from scenario.peers.failures import Kind
from scenario.peers.listeners import News
from scenario.preflight.client_trial import check_healthy, without_healthy
from scenario.run.results import Row
from scenario.run.samples import HealthySample, ListenerSample
from scenario.users.healthy import Sent, Subscribers
from scenario.verdict.criteria import judge_hold
from scenario.verdict.hold import Hold
from tests.support.holds import START, changed, counted_by_then, options, passing
from tests.support.listener import Listener, notification, start
from tests.support.processes import Processes
from tests.support.stack import SUBSCRIPTIONS, Stack, free_port, verdict
from tests.support.surroundings import ADDRESS, COMMAND_LINE, found, process

AHEAD = 3600.0  # s by which the run's clock is ahead of the listener's


@pytest.fixture
def listener(processes: Processes) -> Listener:
    return start(processes, "-delay", "1h")


def now() -> float:
    return time.time() + AHEAD


@pytest.fixture
def subscribers(listener: Listener) -> Callable[..., HealthySample]:
    """Three of them: note updates as {number: age in s}, notify (number, subscription) pairs, and look."""
    three = Subscribers(3, f"127.0.0.1:{listener.ports[0]}", now)
    three.begin()

    def look(updates: dict[int, float], *arrivals: tuple[int, int], taken: bool = True) -> HealthySample:
        for number, age in updates.items():
            three.note_update(number, Sent(now() - age, taken))
        for number, subscription in arrivals:
            sent = three.updates[number].at if number in three.updates else now()
            with listener.connect(notification(subscription, number, "/healthy", round(sent * 1e6))) as peer:
                assert peer.recv(100).startswith(b"HTTP/1.1 200 OK")
        return three.look(7)

    return look


Look = Callable[..., HealthySample]
ALL = [(1, 1), (1, 2), (1, 3)]


def test_latency_is_on_one_clock(subscribers: Look) -> None:
    seen = subscribers({1: 0.0}, *ALL)
    assert (seen.second, seen.arrived, seen.waiting, seen.lost, seen.doubled) == (7, 3, 0, 0, 0)
    assert seen.p50 is not None
    assert seen.slowest is not None
    assert 0 <= seen.p50 <= seen.slowest < 1000, "an hour lies between the clocks"
    assert seen.clock_error is not None
    assert 0 < seen.clock_error < 200
    late = subscribers({2: 5.0}, (2, 1), (2, 2), (2, 3))
    assert late.p50 is not None
    assert late.clock_error is not None
    assert 5000 - late.clock_error <= late.p50 < 6000


def test_what_has_not_come_is_waiting_and_shows_for_how_long(subscribers: Look) -> None:
    seen = subscribers({1: 3.0}, (1, 1))
    assert (seen.arrived, seen.waiting, seen.lost) == (1, 2, 0)
    assert seen.slowest is not None
    assert 3000 <= seen.slowest < 4000
    seen = subscribers({2: 0.1}, (2, 1), (2, 2), (2, 3))
    assert (seen.waiting, seen.lost) == (0, 2), "a later one has overtaken them"
    assert subscribers({}, (1, 2)).lost == 1, "it came after all"


def test_a_moment_is_no_reason_to_call_them_lost(subscribers: Look) -> None:
    seen = subscribers({1: 1.0, 2: 0.1}, (1, 1), (2, 1), (2, 2), (2, 3))
    assert (seen.waiting, seen.lost) == (2, 0)


class CutShort(Subscribers):
    """The listener does not answer its third request: the second page of the first look."""

    asked = 0

    def _ask(self) -> News:
        self.asked += 1
        if self.asked == 3:
            raise ListenerError("no answer within the time limit")
        return super()._ask()


class Slow(Subscribers):
    """Others run while the listener answers."""

    def _ask(self) -> News:
        news = super()._ask()
        gevent.sleep(0.01)
        return news


def all_of(listener: Listener, kind: type[Subscribers], count: int) -> Subscribers:
    """Return subscribers who were all notified of one update."""
    subscribers = kind(count, f"127.0.0.1:{listener.ports[0]}", now)
    subscribers.begin()
    subscribers.note_update(1, Sent(now(), taken=True))
    for subscription in range(count):
        with listener.connect(notification(subscription, 1, "/healthy", round(now() * 1e6))) as peer:
            assert peer.recv(100).startswith(b"HTTP/1.1 200 OK")
    return subscribers


def test_a_look_that_takes_more_than_a_second_tells_nothing_twice(listener: Listener) -> None:
    three = all_of(listener, Slow, 3)
    seen = Group().map(three.look, range(5))  # each second begins one, whatever became of that before
    assert sum(sample.arrived or 0 for sample in seen) == 3
    assert three.doubled == 0


def test_what_a_look_that_fails_has_seen_is_told_by_the_next(listener: Listener) -> None:
    subscribers = all_of(listener, CutShort, PAGE + 44)
    with pytest.raises(ListenerError):
        subscribers.look(7)
    seen = subscribers.look(8)
    assert (seen.arrived, seen.waiting) == (PAGE + 44, 0)


def test_doubled(subscribers: Look) -> None:
    seen = subscribers({1: 0.0}, *ALL, (1, 2))
    assert (seen.arrived, seen.doubled) == (3, 1)


def test_an_update_that_was_refused_notifies_nobody(subscribers: Look) -> None:
    seen = subscribers({1: 9.0}, taken=False)
    assert (seen.arrived, seen.waiting, seen.slowest, seen.p50) == (0, 0, None, None)


def test_updates_of_others_do_not_count(subscribers: Look) -> None:
    assert subscribers({}, (99, 1)).arrived == 0


def test_more_than_a_page(subscribers: Look) -> None:
    numbers = range(1, 201)
    seen = subscribers(dict.fromkeys(numbers, 0.0), *((n, s) for n in numbers for s in (1, 2, 3)))
    assert (seen.arrived, seen.waiting) == (600, 0)


@pytest.mark.parametrize("overtaken", [False, True])
def test_an_hour_without_any_costs_no_time(
    listener: Listener, monkeypatch: pytest.MonkeyPatch, *, overtaken: bool
) -> None:
    """A row that takes long to count would delay all probes of the process."""
    ten = Subscribers(10, f"127.0.0.1:{listener.ports[0]}", now)
    began = now() - 7200
    for second in range(7200):
        ten.note_update(second, Sent(began + second, taken=True))
    if overtaken:
        ten.complete = now()
    ten.begin()
    monkeypatch.setattr(ten, "_read", lambda: None)
    spent = time.process_time()
    seen = ten.look(7)
    assert time.process_time() - spent < 0.1
    assert (seen.waiting, seen.lost) == ((10, 71990) if overtaken else (72000, 0))


MODE = "-notificationMode threadpool:60000:100"


def notified(workers: int = 105, more: dict[str, object] | None = None, late: int = 0, **figures: Any) -> Hold:
    """Return a hold with healthy subscribers; `late` rows from second 5 on have the `figures`, none: all."""

    def change(row: Row) -> Row:
        spoilt = row.healthy is not None and (not late or 5 <= row.since_trigger < 5 + late)
        return replace(row, healthy=replace(row.healthy, **figures)) if spoilt and row.healthy else row

    hold = replace(changed(passing(), change), options=options(healthy=10, **more or {}))
    command_line = COMMAND_LINE.replace(MODE, f"-notificationMode threadpool:60000:{workers}")
    return replace(hold, found=found({}, process=process(command_line)))


def queued(hold: Hold) -> Hold:
    """Return the same with 90 more notifications that no worker takes."""

    def change(row: Row) -> Row:
        entered = counted_by_then(row.second)[0] + 90
        return replace(row, queue=row.queue and replace(row.queue, backlog=90, entered=entered))

    return changed(hold, change)


def out_of_descriptors(hold: Hold) -> Hold:
    """Return the same of a broker whose slow receivers, and the healthy so far, took its last descriptor."""
    return changed(
        hold, lambda row: replace(row, connections=replace(row.connections, nofile=301)) if row.connections else row
    )


LATE = "healthy subscribers: 9 of 21 rows later than 1000 ms, the slowest after 9.1 s (± 1 ms)"


@pytest.mark.parametrize(
    ("hold", "outcome", "reason", "cause"),
    [
        (
            notified(),
            "PASS",
            "healthy subscribers: 10 of 10 notified each second, the slowest after 14 ms (± 1 ms)",
            None,
        ),
        (notified(slowest=1000.0), "PASS", "the slowest after 1.0 s (± 1 ms)", None),
        (notified(slowest=9100.0, late=9), "FAIL", LATE, "unknown"),
        (queued(notified(slowest=9100.0, late=9)), "FAIL", LATE, "starved"),
        (queued(notified(slowest=9100.0, late=9, more={"max_nok": 9})), "PASS", LATE, None),
        (queued(notified(slowest=200.0, late=9, more={"healthy_slo": 100.0})), "FAIL", "later than 100 ms", "starved"),
        (
            queued(notified(slowest=9100.0, late=9, workers=100)),
            "PASS",
            "not judged, because the slow receivers occupy all 100 workers: they waited 9.1 s",
            None,
        ),
        (
            queued(notified(slowest=9100.0, late=9, workers=100, more={"healthy_slo": 1000.0})),
            "FAIL",
            LATE,
            "starved",
        ),
        (
            queued(notified(slowest=9100.0, late=9, workers=100, more={"ramp": "10:100:10"})),
            "FAIL",
            LATE,
            "starved",
        ),
        (
            queued(notified(slowest=9100.0, late=9, workers=100, more={"ramp": "10:100:10", "max_nok": 9})),
            "PASS",
            LATE,
            None,
        ),
        (out_of_descriptors(notified(slowest=9100.0, late=9)), "FAIL", LATE, "nofile"),
        (notified(waiting=7), "PASS", "healthy subscribers: 7 notifications were still under way at the end", None),
        (notified(lost=3), "FAIL", "healthy subscribers: 3 notifications were lost", "unknown"),
        (notified(doubled=2), "FAIL", "healthy subscribers: 2 notifications came more than once", "unknown"),
        (
            notified(error="no"),
            "INCONCLUSIVE",
            "healthy subscribers: when they were notified was not measured",
            "unknown",
        ),
    ],
)
def test_row_of_the_verdict(hold: Hold, outcome: str, reason: str, cause: str | None) -> None:
    judged = judge_hold(hold)
    assert judged.outcome == outcome, judged.reasons
    assert any(reason in text for text in judged.reasons), judged.reasons
    assert next((each.cause for each in judged.causes), None) == cause


def test_where_a_listener_does_not_tell_they_are_not_taken_for_notifications_of_a_stale_cache() -> None:
    def change(row: Row) -> Row:
        entered = 10 * (row.second - START) + 100 * (row.since_trigger > 0)
        failures = {"127.0.0.1:1": Kind.NO_CONNECTION}
        unreported = ListenerSample(row.second, row.second, error="127.0.0.1:1: too late", failures=failures)
        return replace(row, listener=unreported, queue=row.queue and replace(row.queue, entered=entered))

    judged = judge_hold(changed(notified(), change))
    assert [each.cause for each in judged.causes] == ["listener-down"]


def test_none_was_asked_for() -> None:
    judged = judge_hold(replace(changed(passing(), lambda row: replace(row, healthy=None)), options=options(healthy=0)))
    assert judged.outcome == "PASS"
    assert not any("healthy" in text for text in judged.reasons)


@pytest.mark.parametrize(
    ("workers", "asked", "state", "words"),
    [
        (101, {"healthy": 10}, "ok", "101 workers for 100 slow receivers"),
        (100, {"healthy": 10}, "warning", "no worker is left for them, so they are not judged"),
        (100, {"healthy": 10, "ramp": "10:100:10"}, "warning", "no worker is left for them, but they are judged"),
        (100, {"healthy": 0}, "", ""),
    ],
)
def test_preflight(workers: int, asked: dict[str, object], state: str, words: str) -> None:
    command_line = COMMAND_LINE.replace(MODE, f"-notificationMode threadpool:60000:{workers}")
    seen = list(check_healthy(found(asked, process=process(command_line))))
    assert [check.state for check in seen] == [state] * bool(state)
    assert all(words in f"{check.found} {check.needed}" for check in seen)
    assert Pool(60000, workers) == found(asked, process=process(command_line)).command_line.pool("x")


def test_another_receiver_is_no_healthy_one() -> None:
    seen = without_healthy(found({"healthy": 10}, listeners={ADDRESS: None}))
    assert seen.options.probes.healthy == 0
    lines = list(check_healthy(seen))
    assert [(line.state, line.found) for line in lines[:1]] == [
        ("warning", f"none, because the listener at {ADDRESS} does not report when they are notified")
    ]


@pytest.mark.parametrize(("slo", "code"), [pytest.param((), 0, marks=pytest.mark.slow), (("--healthy-slo", 500), 1)])
def test_no_worker_is_left_for_them(stack: Stack, slo: tuple[str | int, ...], code: int) -> None:
    run = stack.start(workers=SUBSCRIPTIONS).locust("--duration", "10s", *slo)
    rows = stack.ended(run, code)
    assert "60 workers for 60 slow receivers" in run.output, "the preflight says so before"
    waited = [float(row["healthy_max_ms"] or 0) for row in rows if int(row["second"]) > 0]
    assert max(waited) > 1500
    assert rows[-1]["healthy_waiting"] == "0"
    close_wait = [int(row["close_wait"]) for row in rows]
    assert set(close_wait[close_wait.index(SUBSCRIPTIONS) :]) == {SUBSCRIPTIONS}, "those that waited used none up"
    told_of = "cause: healthy subscribers wait for a notification worker" if code else "not judged, because"
    assert told_of in verdict(run)[1]


def test_receiver_that_does_not_tell(stack: Stack) -> None:
    """The original's listener holds whatever it is sent: it must not be sent ten more each second."""
    stack.start()
    stack.listener_port = str(free_port())
    stack.processes.start("python", "-c", SILENT, stack.listener_port, name="silent").wait_for("ready")
    run = stack.locust("--preflight-only")
    assert run.wait() == 0, run.output
    assert (
        f"none, because the listener at 127.0.0.1:{stack.listener_port} does not report when they are notified"
        in run.output
    )


SILENT = """
import http.server, sys
class Silent(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(404)
        self.end_headers()
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Silent)
print("ready", flush=True)
server.serve_forever()
"""
