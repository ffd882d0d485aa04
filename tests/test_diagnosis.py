"""The table of causes over constructed rows: what each needs, and what it must not be mistaken for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from scenario.peers.failures import Kind
from scenario.run.results import Row
from scenario.run.samples import ConnectionSample
from scenario.verdict.causes import CAUSES
from scenario.verdict.criteria import judge_hold
from scenario.verdict.hold import Hold
from tests.support.holds import START, changed, counted_by_then, passing
from tests.support.surroundings import ADDRESS, found, listener, process

Change = Callable[[Row], Row]
Fields = Mapping[str, object]  # a sample's: a value, or what makes one of the row
CLOSED, SILENT, REFUSED = Kind.CLOSED, Kind.NO_ANSWER, Kind.REFUSED
SILENT_ONCE: Fields = {"error": lambda row: SILENT if row.since_trigger == 5 else ""}
ALWAYS = -9  # seconds since the trigger: in the baseline already


def after(second: int, **parts: Fields) -> Change:
    """Change samples from a second after the trigger on: part=dict(field=value)."""

    def change(row: Row) -> Row:
        if row.since_trigger < second:
            return row
        made = {part: dict(_made(row, fields)) for part, fields in parts.items()}
        return replace(row, **{part: replace(getattr(row, part), **fields) for part, fields in made.items()})

    return change


def _made(row: Row, fields: Fields) -> Iterator[tuple[str, object]]:
    for name, field in fields.items():
        value = field(row) if callable(field) else field
        yield name, value.value if isinstance(value, Kind) else value
        if isinstance(value, Kind) or (value == "" and name == "error"):
            yield name.removesuffix("error") + "failure", value or None


def more_of_it(notifications: int, counter: int = 0) -> Callable[[Row], int]:
    """Return the broker's counter (0: queued, 1: answered) with so many notifications more."""
    return lambda row: (of_healthy_alone(row) if counter else counted_by_then(row.second)[0]) + notifications


def of_healthy_alone(row: Row) -> int:
    """Return the broker's count of answers where no slow receiver gives one."""
    return 10 * (row.second - START)


def listeners_are(kind: Kind) -> Fields:
    return {"error": kind.value, "failures": {"l:8090": kind}}


def nok(error: Kind, since: int = 5) -> Change:
    return after(since, version={"error": error})


def process_is(since: int = ALWAYS, **figures: object) -> Change:
    return after(since, connections=figures)


def per_second(rate: float) -> Callable[[Row], float]:
    """Return a counter that grows by so much in each second."""
    return lambda row: 100 + rate * row.since_trigger


def unprivileged(row: Row) -> Row:
    error = "the inspector at localhost:18812 says: may not look into contextBroker: run the inspector as its user"
    return replace(row, connections=ConnectionSample(row.second, row.at, error=error, failure=Kind.NOT_ALLOWED))


def seen(*changes: Change, mode: str = "threadpool:60000:100", more: str = "-httpTimeout 600000") -> Hold:
    run = passing()
    for change in changes:
        run = changed(run, change)
    command_line = process(f"contextBroker {more} -notificationMode {mode}")
    return replace(run, found=found({}, process=command_line, listeners={ADDRESS: listener(12)}))


def slow_once(row: Row) -> float:
    return 1500.0 if row.since_trigger == 6 else 4.0


def silent_once(row: Row) -> Kind | str:
    return SILENT if row.since_trigger == 6 else ""


def waits_once(row: Row) -> dict[str, float]:
    return {"subCache": 1.6 if row.since_trigger >= 8 else 0.0}


def named(hold: Hold) -> Hold:
    """Return a hold whose listener is known by a name."""
    asked = hold.options.changed(notify_urls=("http://listener:8090/notify",))
    return replace(hold, options=asked, found=replace(hold.found, options=asked))


def with_addresses(hold: Hold) -> Hold:
    return replace(hold, found=replace(hold.found, addresses={"10.0.0.1": "no connection", "10.0.0.2": ""}))


def refused_while_seeding(kind: Kind) -> Hold:
    return with_progress(seen(), failures=("seeding failed",), kinds={"seeding failed": kind})


def not_pinged(hold: Hold) -> Hold:
    return changed(hold, lambda row: replace(row, database=None))


def with_progress(hold: Hold, **progress: Any) -> Hold:
    return replace(hold, progress=replace(hold.progress, **progress))


FEW = {"established": 32, "to_listeners": 20}
UNREPORTED = after(ALWAYS, queue=dict.fromkeys(("entered", "size", "backlog", "rejected")))
UNREPORTED_SINCE = after(1, queue=dict.fromkeys(("entered", "size", "backlog", "rejected")))
IDLE = process_is(cpu_seconds=per_second(0.1))
NO_HOST = process_is(cpu_seconds=per_second(0.01), host_idle_seconds=per_second(0.01))
BUSY = process_is(cpu_seconds=per_second(0.99), cpus=1.0)
TWICE_AS_MANY = after(1, queue={"entered": more_of_it(100)}, listener={"notifications": 200, "notified": 200})
LISTENER_SILENT = after(
    ALWAYS,
    listener={"error": "404", "held": None, "accepted": None, "abandoned": None, "update": None},
    healthy={"arrived": 0},  # then there are none
    queue={"entered": lambda row: 100 * (row.since_trigger > 0), "sent_ok": lambda row: 100 * (row.since_trigger > 11)},
)
NEVER_CAME = after(
    *(1,), listener={"notified": 0, "notifications": 0, "held": 0, "accepted": 0, "received": 0},
    healthy={"arrived": 0, "waiting": 0}, queue={"sent_ok": 40},
    connections={"listener_ports": 0, "listener_port_span": 0, "listener_ports_taken": 0},
)  # fmt: skip
NEVER_ANSWERED = after(ALWAYS, queue={"sent_ok": of_healthy_alone}, listener={"received": 0})
STARVED = after(1, healthy={"slowest": 9000.0}, queue={"backlog": 90, "entered": more_of_it(90)})
WAITING = after(0, queue={"backlog": 80}, connections=FEW, listener={"held": 20, "accepted": 20})
REFUSED_FOR_MEMORY = process_is(oom_kills=lambda row: int(row.since_trigger >= 5), process="1 started 1")
OWN_POOL = "threadpool:60000:100,stablished_connections:10:20"
SELECT = process_is(free_low=0, fds=1100, nofile=20000)
ONE_HELD = after(0, connections={"established": 13, "to_listeners": 1}, listener={"held": 1})
HELD_20: Fields = {"held": 20, "accepted": 20}
PACKED = {**FEW, "listener_ports": 60, "listener_port_span": 60, "listener_ports_taken": 60}
CASES: dict[str, list[Hold]] = {
    "out-of-memory": [seen(REFUSED_FOR_MEMORY, process_is(5, process="2 started 2"))],
    "broker-restarts": [
        seen(process_is(process="1 started 1"), process_is(5, process="2 started 2")),
        seen(process_is(process="1 started 1"), process_is(5, process="2 started 2"), after(1, queue={"entered": 400})),
        seen(after(5, queue={"entered": 0}, listener={"abandoned": 100})),
    ],
    "broker-dies": [
        seen(nok(REFUSED), after(5, connections={"error": Kind.NO_PROCESS})),
        seen(nok(Kind.GATEWAY), after(5, connections={"error": Kind.NO_PROCESS})),
    ],
    "denied": [seen(nok(Kind.DENIED))],
    "rate-limit": [seen(nok(Kind.TOO_MANY_REQUESTS)), refused_while_seeding(Kind.TOO_MANY_REQUESTS)],
    "redirected": [seen(nok(Kind.REDIRECT))],
    "certificate": [seen(nok(Kind.CERTIFICATE))],
    "tester": [seen(nok(kind)) for kind in (Kind.OURS, Kind.NAME_SERVER, Kind.NAME_UNKNOWN, Kind.NO_ROUTE)],
    "dead-address": [with_addresses(seen(after(1, version={"latency": 2005.0}), IDLE))],
    "not-reached": [
        seen(nok(Kind.NO_CONNECTION), process_is(listen_queue=0), IDLE),
        seen(nok(Kind.GATEWAY), process_is(listen_queue=0), IDLE),
        seen(nok(SILENT), process_is(listen_queue=0, inbound=12), IDLE),
    ],
    "database-hangs": [
        seen(after(5, client={"update_error": SILENT, "query_error": SILENT}, database={"error": SILENT})),
        seen(after(5, client={"update_error": SILENT, "query_latency": 2000.0}, database={"latency": 900.0})),
        not_pinged(seen(after(5, client={"update_error": SILENT}))),
    ],
    "cache-refresh": [
        seen(after(5, client={"update_latency": slow_once}, queue={"sem_wait": waits_once}), IDLE),
        seen(after(5, client={"update_error": silent_once}, queue={"sem_wait": waits_once}), IDLE),
    ],
    "database-away": [
        seen(after(5, client={"update_error": lambda row: Kind.NO_DATABASE if row.since_trigger < 9 else ""})),
    ],
    "database-down": [
        seen(after(5, client={"update_error": Kind.NO_DATABASE})),
        seen(after(5, client={"update_error": Kind.NEVER_CONNECTED})),
        seen(after(5, client={"query_error": Kind.NOT_STORED})),
        with_progress(seen(), failures=("seeding failed",), kinds={"seeding failed": Kind.NO_DATABASE}),
        with_progress(seen(), missing=("reset: it is gone",), kinds={"reset: it is gone": Kind.NO_DATABASE}),
    ],
    "multiservice": [with_progress(seen(), left=3, failures=("subscriptions: 3 are left in the service",))],
    "privilege": [
        seen(unprivileged),
        seen(unprivileged, after(1, queue={"sent_error": 80}, listener={"notified": 20, "held": 20})),  # and ports
    ],
    "listener-down": [
        seen(after(0, listener=listeners_are(REFUSED), connections={"established": 12, "to_listeners": 0}))
    ],
    "listener-nofile": [seen(after(0, listener={"accepted": 40, "held": 40, "out_of_descriptors": 3}))],
    "several-listeners": [
        seen(after(1, listener={"ids": lambda row: {"l:8090": "ab"[row.second % 2]}, "notified": 50, "held": 50})),
    ],
    "listeners-not-reached": [
        seen(NEVER_CAME, after(1, queue={"sent_error": 100}, connections={"to_listeners": 0, "established": 12})),
        seen(NEVER_CAME, after(1, connections={"connecting_to_listeners": 100, "to_listeners": 0, "established": 12})),
        seen(NEVER_CAME, after(1, connections={"unresolved": ("l:8090",), "to_listeners": 0, "established": 12})),
    ],
    "answered-for-receivers": [
        seen(after(4, queue={"sent_ok": more_of_it(100, 1)}, listener={"abandoned": 100, "held": 0})),
        seen(NEVER_CAME, after(1, queue={"sent_ok": more_of_it(100, 1)}, connections={"to_listeners": 100})),
    ],
    "answered-at-once": [
        seen(after(1, queue={"sent_ok": more_of_it(100, 1)}, listener={"received": 100, "held": 0})),
    ],
    "repeated": [seen(after(4, listener={"notifications": 200, "doubled": 100}))],
    "listener-hangs": [
        seen(
            after(5, listener={"error": "late", "failures": {"l:8090": SILENT}}),
            after(5, healthy={"slowest": 3000.0}),
            mode="threadpool:60000:200",
        )
    ],
    "name-server": [
        named(seen(after(1, healthy={"slowest": 5000.0}), process_is(lookup_seconds=5.0), mode="threadpool:60000:200"))
    ],
    "max-connections": [
        seen(nok(CLOSED), process_is(5, inbound=1020), more="-httpTimeout 600000"),
        seen(nok(CLOSED), SELECT, process_is(5, inbound=50), more="-maxConnections 50 -reqPoolSize 4"),
    ],
    "threads": [
        seen(nok(CLOSED), process_is(threads_limit=2000, threads_used=2000, threads_limit_at="ulimit -u")),
        seen(nok(CLOSED), process_is(threads_refused=lambda row: max(0, row.since_trigger - 4))),
    ],
    "select": [
        seen(nok(CLOSED), SELECT, more="-reqPoolSize 4"),
        seen(nok(Kind.RESET), process_is(free_low=2, fds=1024, nofile=20000), more="-reqPoolSize 4"),
    ],
    "nofile": [
        seen(nok(error, 1), after(1, listener=HELD_20, connections={**FEW, "free_low": 0, "fds": 1200, "nofile": 1200}))
        for error in (SILENT, CLOSED)
    ],
    "ports": [
        seen(
            after(
                0, listener=HELD_20, connections=PACKED, queue={"sent_error": lambda row: 80 * (row.since_trigger > 0)}
            )
        )
    ],
    "frozen": [
        seen(nok(SILENT), after(5, queue={"error": SILENT}), process_is(cpu_seconds=100.0)),
        seen(nok(SILENT), after(5, queue={"error": SILENT}), process_is(5, state="T")),
        seen(after(5, version=SILENT_ONCE, queue=SILENT_ONCE), process_is(5, state="T")),
        seen(after(5, version={"error": SILENT}, queue=SILENT_ONCE), process_is(5, state="T", listen_queue=5)),
    ],
    "overloaded": [
        seen(nok(SILENT), process_is(cpu_seconds=per_second(0.99), cpus=1.0)),
        seen(after(2, version={"latency": 1500.0}), process_is(cpu_seconds=per_second(2.0), cpus=2.0)),
        seen(nok(SILENT), process_is(cpu_seconds=per_second(0.1), throttled_seconds=per_second(0.9))),
        seen(nok(SILENT), process_is(5, state="R", listen_queue=9), process_is(cpu_seconds=per_second(0.4), cpus=1.0)),
        seen(nok(SILENT, 12), BUSY, after(12, listener={"received": 100})),
        seen(nok(SILENT, 1), BUSY, UNREPORTED_SINCE, after(1, listener={"received": 100})),  # the answers are not lost
        seen(after(2, version={"latency": 1500.0}), BUSY, after(15, queue={"sent_error": 30})),
    ],
    "listen-queue": [
        seen(nok(SILENT), process_is(5, listen_queue=7), process_is(cpu_seconds=per_second(0.3))),
        seen(nok(SILENT), process_is(listen_queue=6, listen_overflows=per_second(3), cpu_seconds=per_second(0.3))),
    ],
    "stale-cache": [seen(TWICE_AS_MANY), seen(LISTENER_SILENT, after(1, queue={"entered": 200}))],
    "queue": [
        seen(after(0, queue={"rejected": 70}, listener=HELD_20, connections=FEW), mode="threadpool:10:100"),
        seen(
            after(0, queue={"rejected": 70, "backlog": 10}, listener=HELD_20, connections=FEW), mode="threadpool:10:20"
        ),
    ],
    "service-pool": [seen(WAITING, mode=OWN_POOL)],
    "workers": [seen(WAITING, mode="threadpool:60000:20")],
    "persistent": [seen(UNREPORTED, ONE_HELD, mode="persistent")],
    "transient": [seen(UNREPORTED, mode="transient")],
    "statistics": [seen(UNREPORTED)],
    "network": [seen(after(5, listener={"abandoned": 100}))],
    "http-timeout": [
        seen(after(5, queue={"sent_error": 100}, listener={"abandoned": 100}), more=""),
        seen(LISTENER_SILENT, after(5, queue={"sent_error": 100}), more="-httpTimeout 5000"),
    ],
    "listener-closes": [
        seen(NEVER_ANSWERED, after(12, queue={"sent_error": 100}, connections={"close_wait": 0})),
        seen(LISTENER_SILENT, after(ALWAYS, queue={"sent_ok": 0}), after(5, queue={"sent_error": 100})),
    ],
    "starved": [seen(STARVED, mode="threadpool:60000:105")],
    "slow": [
        seen(after(2, version={"latency": 1500.0}), IDLE),
        seen(after(2, client={"update_latency": 1500.0}), IDLE),
    ],
    "busy-host": [
        seen(nok(SILENT), NO_HOST),
        seen(after(2, client={"update_latency": 1500.0}), NO_HOST),
        seen(nok(SILENT), process_is(cpu_seconds=per_second(0.1), host_idle_seconds=per_second(0.01), cpus=2.0)),
    ],
    "busy-tester": [seen(after(2, version={"latency": 1500.0, "late": 900.0}), IDLE)],
}
UNKNOWN = [
    seen(nok(SILENT), process_is(listen_queue=0, listen_overflows=per_second(3), cpu_seconds=per_second(0.3))),
    seen(nok(CLOSED), process_is(free_low=400, fds=1100, nofile=20000), more="-reqPoolSize 4"),
    seen(nok(SILENT), SELECT, more="-reqPoolSize 4"),  # select() closes at once
    seen(nok(CLOSED), SELECT),  # a thread with poll() for each connection
    seen(nok(CLOSED), process_is(free_low=0, fds=1023, nofile=20000), more="-reqPoolSize 4"),
    seen(after(2, version={"latency": 1500.0}), nok(SILENT)),
    seen(nok(Kind.STATUS)),
    seen(nok(CLOSED), process_is(5, inbound=900, threads_limit=2000, threads_used=1900)),
]


def test_table_has_every_cause() -> None:
    assert list(CASES) == [cause.name for cause in CAUSES]


@pytest.mark.parametrize(("name", "hold"), [(name, hold) for name, holds in CASES.items() for hold in holds])
def test_cause_is_named_alone(name: str, hold: Hold) -> None:
    verdict = judge_hold(hold)
    assert [cause.cause for cause in verdict.causes] == [name], (verdict.reasons, verdict.causes)
    assert all(cause.evidence and cause.remedy for cause in verdict.causes)
    assert verdict.outcome in ("FAIL", "INCONCLUSIVE")


def test_frozen_and_then_out_of_threads() -> None:
    frozen = after(1, version={"error": SILENT}, queue={"error": SILENT}, connections={"state": "T"})
    thawed = after(5, version={"error": ""}, queue={"error": ""}, connections={"state": "S"})
    full = process_is(8, threads_limit=427, threads_used=427, threads_limit_at="ulimit -u")
    verdict = judge_hold(seen(frozen, thawed, nok(CLOSED, 8), full))
    assert [cause.cause for cause in verdict.causes] == ["threads", "frozen"]


def test_an_update_that_was_sent_just_before_it_was_stopped_meets_no_standing_database() -> None:
    stopped = [after(5, version={"error": SILENT}, queue={"error": SILENT}), process_is(5, state="T")]
    verdict = judge_hold(seen(*stopped, after(3, client={"update_error": SILENT, "query_error": SILENT})))
    assert [cause.cause for cause in verdict.causes] == ["frozen"]


def test_connections_that_an_unreachable_listener_never_got_tell_no_mode() -> None:
    unreachable = after(3, listener={**listeners_are(REFUSED), "held": None})
    verdict = judge_hold(seen(UNREPORTED, ONE_HELD, unreachable, mode="transient"))
    assert [cause.cause for cause in verdict.causes] == ["listener-down"]


def test_a_queue_that_is_not_told_tells_no_mode_without_the_command_line() -> None:
    hold = seen(UNREPORTED)
    (cause,) = judge_hold(replace(hold, found=replace(hold.found, process=None))).causes
    assert cause.sentence.startswith("one of: transient or statistics;")
    assert cause.remedy == "what would tell: the broker's command line"


@pytest.mark.parametrize("hold", UNKNOWN)
def test_what_fits_no_cause_is_unknown(hold: Hold) -> None:
    verdict = judge_hold(hold)
    assert [cause.cause for cause in verdict.causes] == ["unknown"], verdict.causes
    assert verdict.outcome == "FAIL"


@pytest.mark.parametrize(
    ("error", "names"),
    [
        (CLOSED, "max-connections or threads or select or nofile"),
        (SILENT, "max-connections or nofile or frozen or overloaded or listen-queue"),
    ],
)
def test_without_an_inspector_it_is_one_of_several(error: Kind, names: str) -> None:
    hold = changed(seen(nok(error)), lambda row: replace(row, connections=None, queue=None))
    (cause,) = judge_hold(replace(hold, found=replace(hold.found, process=None))).causes
    assert cause.sentence.startswith(f"one of: {names};"), cause


def test_slow_may_be_want_of_cpu_where_nobody_counts_it() -> None:
    (cause,) = judge_hold(seen(after(2, version={"latency": 1500.0}))).causes
    assert cause.sentence.startswith("one of: overloaded or slow;")


def test_unknown_tells_what_nobody_measured_and_what_was_odd() -> None:
    bare = changed(seen(nok(Kind.STATUS)), lambda row: replace(row, connections=None, queue=None, listener=None))
    (unknown,) = judge_hold(bare).causes
    assert unknown.sentence == "unknown: no known cause fits"
    assert unknown.evidence == (
        "not measured: the broker's process, its notification queue, the listeners; "
        "odd: at second 5, the first NOK (version: status), no figure moved"
    )


def test_unknown_tells_what_was_ruled_out() -> None:
    figures = process_is(fds=300, nofile=20000, inbound=12, threads_limit=2000, threads_used=120, listen_queue=0)
    (unknown,) = judge_hold(seen(nok(Kind.STATUS), figures, process_is(5, fds=900))).causes
    assert unknown.evidence == (
        "ruled out: descriptors (900 of 20000), connections at its port (12 of 1020), threads (120 of 2000), "
        "its listen queue (0 waited), its notification queue (0 rejected, 0 waited); "
        "odd: at second 5, the first NOK (version: status), descriptors 300 to 900"
    )


@pytest.mark.parametrize(
    ("kills", "words"),
    [
        (0, "memory (90 of 100 MB, no process killed"),
        (1, "reached: memory (90 of 100 MB, a process was killed"),
    ],
)
def test_unknown_tells_whether_memory_was_reached(kills: int, words: str) -> None:
    limits = {"memory_used": 90_000_000, "memory_limit": 100_000_000, "memory_limit_at": "memory.max"}
    killed = process_is(5, **limits, oom_kills=kills)
    (unknown,) = judge_hold(seen(nok(Kind.STATUS), process_is(oom_kills=0), killed)).causes
    assert words in unknown.evidence


def test_a_pass_names_no_cause() -> None:
    all_taken = seen(after(ALWAYS, connections={"free_low": 0, "fds": 15029, "nofile": 20000}))
    verdict = judge_hold(all_taken)
    assert (verdict.outcome, verdict.causes) == ("PASS", ())


def test_earlier_runs_do_not_count() -> None:
    verdict = judge_hold(seen(after(ALWAYS, queue={"sent_error": 5000, "rejected": 70}, listener={"abandoned": 5000})))
    assert (verdict.outcome, verdict.causes) == ("PASS", ())


def test_interrupted_run_need_not_have_a_cause() -> None:
    assert judge_hold(with_progress(seen(), interrupted="observe")).causes == ()


def test_subscriptions_that_were_there_before_are_no_stale_cache() -> None:
    assert judge_hold(with_progress(seen(TWICE_AS_MANY), existing=100)).outcome == "PASS"


SETTING = re.compile(r"(-[a-zA-Z]{3,}) (\S+?)(?=[,;]? |[,;]?$)|ulimit -n (\d+)")


@pytest.mark.parametrize(("name", "hold"), [(name, hold) for name, holds in CASES.items() for hold in holds])
def test_a_remedy_never_recommends_what_is_there_already(name: str, hold: Hold) -> None:
    (cause,) = judge_hold(hold).causes
    words = hold.found.command_line.words
    nofile = {sample.nofile for row in hold.rows if (sample := row.connections)}
    for option, value, descriptors in SETTING.findall(cause.remedy):
        assert (option, value) not in pairwise(words), cause.remedy
        assert not descriptors or all(int(descriptors) > (limit or 0) for limit in nofile), cause.remedy
