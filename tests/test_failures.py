"""What goes wrong before and during a run: each ends in time, with the right exit code, its reason and whole files."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pymongo
import pytest

from scenario.replay import read
from scenario.run.tries import dues
from scenario.users.client import ClientProbe
from scenario.users.probes import VersionProbe
from tests.support.processes import Processes
from tests.support.stack import SUBSCRIPTIONS, Stack, free_port, moment, start_mongo, verdict

PASS, FAIL, USAGE, PREFLIGHT, INCONCLUSIVE = range(5)
RATE = 20  # tries per second


@pytest.fixture
def own_mongo(processes: Processes, stack: Stack) -> Iterator[pymongo.MongoClient[dict[str, object]]]:
    """A database server of this test alone, which the stack uses."""
    stack.mongo = start_mongo(processes)
    with pymongo.MongoClient[dict[str, object]](f"mongodb://{stack.mongo}") as client:
        yield client


def test_what_is_no_service_is_refused(stack: Stack) -> None:
    stack.broker_port = stack.inspector_port = stack.listener_port = str(free_port())  # never asked
    run = stack.locust("--service=../x")
    assert run.wait() == USAGE, run.output
    assert "--service: takes 1 to 50 lower case letters, digits or _" in run.output
    assert "Traceback" not in run.output


def test_only_the_database_of_the_service_is_dropped(
    stack: Stack, own_mongo: pymongo.MongoClient[dict[str, object]]
) -> None:
    spared = ("orion", "orion-admin2", "orion-other", "admins", "foreign")
    for name in spared:
        own_mongo[name]["kept"].insert_one({"_id": name})
    run = stack.start().locust("--service", "admin", "--duration", "5s")
    stack.ended(run, PASS)
    assert "dropped database orion-admin" in run.output
    assert run.output.count("dropped database") == 1
    assert [own_mongo[name]["kept"].count_documents({"_id": name}) for name in spared] == [1] * len(spared)
    assert {"csubs", "entities"} <= set(own_mongo["orion-admin"].list_collection_names())


def test_refused_subscriptions_fail_the_run_before_the_trigger(stack: Stack) -> None:
    run = stack.start("--fail-subscriptions", "7:503").locust()
    assert stack.ended(run, FAIL) == []
    outcome, reasons = verdict(run)
    assert outcome == "FAIL"
    assert f"{SUBSCRIPTIONS - 8} of {SUBSCRIPTIONS} created, 8 refused" in reasons
    assert "the first with: HTTP 503" in reasons
    assert "phase trigger" not in run.output
    assert stack.received() == 0


@pytest.mark.slow
def test_without_a_listener_nothing_is_held(stack: Stack) -> None:
    run = stack.start().locust("--duration", "4s", "--baseline", 3)
    stack.wait_for_row(run, 1)  # it was there, and held nothing
    stack.listener.stop()
    rows = stack.ended(run, FAIL)
    assert f"held: 0 of {SUBSCRIPTIONS}" in verdict(run)[1]
    assert {row["listener_held"] for row in rows if int(row["second"]) > 0} == {""}
    assert {row["version"] for row in rows} == {"OK"}


def test_inspector_lost_and_found(stack: Stack) -> None:
    run = stack.start().locust("--duration", "12s")  # a busy machine takes seconds to start the inspector
    stack.wait_for_row(run, 4)
    stack.inspector.stop(signal.SIGKILL)
    killed = time.time()
    run.wait_for(r"(?s)(OK -------- \d+ -------- NOK .*){2}")  # a short run may lose one count
    stack.start_inspector(stack.inspector_port)
    found = time.time()
    rows = stack.ended(run, INCONCLUSIVE)
    gap = [row for row in rows if killed < moment(row) < found + 1]
    later = [row for row in rows if moment(row) > found + 1]  # the first call may find the old connection dead
    assert later
    assert {row[name] for row in gap[:2] for name in ("established", "close_wait", "sum", "broker_fds")} == {""}
    assert {row["version"] for row in rows} == {"OK"}
    assert all(row["established"] and row["sum"] for row in later)
    counted = sum(row["established"] != "" for row in rows)
    assert len(rows) - len(gap) - 1 <= counted < len(rows)
    assert f"connection counts: for {counted} of {len(rows)} seconds" in verdict(run)[1]


@pytest.mark.slow
def test_broker_killed(stack: Stack) -> None:
    run = stack.start().locust()
    stack.wait_for_row(run, 4)
    stack.broker.stop(signal.SIGKILL)
    killed = time.time()
    rows = stack.ended(run, FAIL)
    assert len(rows) == 10
    later = [row for row in rows if moment(row) > killed]
    assert len(later) >= 3
    assert {(row["version"], row["version_error"]) for row in later} == {("NOK", "connection refused")}
    assert {row["established"] for row in later} == {""}, "no broker has no connections to count, not 0"
    assert "connection refused" in verdict(run)[1]


def test_broker_stopped_and_continued(stack: Stack) -> None:
    run = stack.start().locust("--duration", "16s", "--rate", RATE)
    stack.wait_for_row(run, 4)
    os.kill(stack.broker.pid, signal.SIGSTOP)
    stopped = time.time()
    try:
        run.wait_for(r"(?s)(-------- NOK --------.*){4}")
    finally:
        os.kill(stack.broker.pid, signal.SIGCONT)
    continued = time.time()
    rows = stack.ended(run, FAIL)
    assert [int(row["second"]) for row in rows] == list(range(-1, 17)), "a row for every second"
    during = [row for row in rows if stopped < moment(row) < continued - 2]  # 2 s: the probe's limit
    after = [row for row in rows if moment(row) > continued + 1]
    assert len(during) >= 3
    assert {row["version_error"] for row in during} == {"no answer within the time limit"}
    assert len(after) >= 3
    assert {row["version"] for row in after} == {"OK"}
    assert all(row["established"] for row in rows), "the inspector goes on"
    tries = list(tries_of(stack))
    assert len(tries) == 3 * RATE * len(rows), "none is missing"
    stuck = [(due, latency, error) for due, latency, error in tries if stopped + 0.2 < due < continued]
    assert len(stuck) > 3 * RATE
    for due, latency, error in stuck:  # the first waited longest, however many were waiting already
        assert latency >= (1990 if error else 1000 * (continued - due) - 50), f"{continued - due:.2f} s: {latency} ms"


def tries_of(stack: Stack) -> Iterator[tuple[float, float, str]]:
    """Yield when each try of the last run was due (s since the epoch), its latency (ms) and its error."""
    begins = {"tries": VersionProbe.begins, "update_tries": ClientProbe.begins, "query_tries": ClientProbe.query_begins}
    for record, _ in read(f"{stack.prefix}_run.jsonl"):
        for name in begins.keys() & vars(record).keys():
            due = dues(record.second, begins[name], RATE)
            yield from ((at, *tried) for at, tried in zip(due, getattr(record, name).each, strict=True))


@pytest.mark.slow
def test_update_that_is_never_answered(stack: Stack) -> None:
    run = stack.start().locust("--baseline", 2, "--duration", "3s")
    stack.wait_for_row(run, 2)
    os.kill(stack.broker.pid, signal.SIGSTOP)
    try:
        rows = stack.ended(run, FAIL)
    finally:
        os.kill(stack.broker.pid, signal.SIGCONT)
    assert "trigger: the update was not answered before the last row" in verdict(run)[1]
    assert [row["version"] for row in rows] == ["OK"] * 2 + ["NOK"] * 4
    assert {row["phase"] for row in rows[2:]} == {"trigger"}


def test_what_cannot_be_reached_starts_nothing_and_drops_nothing(stack: Stack) -> None:
    stack.start().subscribe(3)
    there = {option: f"127.0.0.1:{free_port()}" for option in ("--mongo", "--host", "--inspector")}
    run = stack.locust(*(word for option, address in there.items() for word in (option, address)))
    assert stack.ended(run, PREFLIGHT) == []
    outcome, reasons = verdict(run)
    assert outcome == "PREFLIGHT FAILED"
    for option, address in there.items():
        assert option in reasons
        assert address in reasons
    assert stack.count_subscriptions() == 3


@pytest.mark.slow
@pytest.mark.usefixtures("own_mongo")
def test_what_earlier_runs_left_is_removed_through_the_broker(stack: Stack) -> None:
    stack.start("-subCacheIval", 3600).subscribe(3)  # no refresh is needed to forget them
    run = stack.locust("--duration", "5s")
    stack.ended(run, PASS)
    assert "reset: removed 3 subscriptions of earlier runs in " in run.output
    assert f"notified: {SUBSCRIPTIONS} of {SUBSCRIPTIONS} subscriptions were notified once" in verdict(run)[1]


@pytest.mark.slow
@pytest.mark.usefixtures("own_mongo")
def test_broker_that_ignores_the_service(stack: Stack) -> None:
    stack.start(multiservice=False).subscribe(3)
    run = stack.locust("--force")
    assert stack.ended(run, FAIL) == []
    assert "3 are left in the service after its database" in verdict(run)[1]
    assert stack.count_subscriptions() == 3


@pytest.mark.slow
def test_counts_switched_off(stack: Stack) -> None:
    stack.start().inspector.stop()
    run = stack.locust("--no-connection-info", "--no-queue-size")
    rows = stack.ended(run, PASS)
    assert f"held: {SUBSCRIPTIONS} of {SUBSCRIPTIONS}" in verdict(run)[1]
    assert {tuple(line[2:]) for line in stack.log_rows()} == {("N/A",) * 4}
    off = ("queue_size", "queue_backlog", "sent_ok", "established", "close_wait", "sum", "broker_fds")
    assert {row[name] for row in rows for name in off} == {""}
    assert max(int(row["listener_held"]) for row in rows) == SUBSCRIPTIONS
