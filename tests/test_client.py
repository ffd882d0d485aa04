"""The ordinary client: what is a right answer to it, what the verdict makes of its rows, and real runs with it."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pymongo
import pytest

from scenario.peers.answers import Answer
from scenario.peers.ngsiv2 import Ngsiv2
from scenario.peers.own import ENTITY
from scenario.run.results import Row
from scenario.run.samples import QueueSample
from scenario.settings.values import CLIENT_PATH
from scenario.verdict.criteria import judge_hold
from scenario.verdict.hold import Hold
from tests.support.holds import changed, options, passing
from tests.support.processes import Process, Processes
from tests.support.stack import Stack, start_mongo, verdict

BROKER = Ngsiv2("http://localhost:1026", "facts", CLIENT_PATH)


def entity(number: object, **more: object) -> str:
    return json.dumps([{"id": ENTITY, "type": "Thing", "number": {"type": "Text", "value": number}, **more}])


@pytest.mark.parametrize(
    ("status", "body", "number", "error"),
    [
        (200, entity("18"), 18, ""),
        (200, entity("19"), 18, ""),  # a later update of the same client
        (200, entity("7"), 18, ""),  # an update that was never answered came to it late
        (200, "[]", 0, ""),  # nothing was written yet
        (200, entity("17"), 18, "200 with number 17 instead of 18"),
        (200, "[]", 18, "200 without the entity"),  # Orion 4.7.0 whose database was killed
        (200, "", 18, "200 without the value that was written: Input data was truncated"),
        (200, '[{"number": ' + "[" * 10_000 + "]" * 10_000 + "}]", 18, "200 without the value that was written: "),
        (200, "{}", 18, "200 without the value that was written: Expected `array`, got `object`"),
        (
            200,
            entity(18),
            18,
            "200 without the value that was written: Expected `str`, got `int` - at `$[0].number.value`",
        ),
        (200, entity("1e9"), 18, "200 without the value that was written: Expected `str` matching regex"),
        (500, '{"error": "InternalServerError"}', 18, "HTTP 500 InternalServerError"),
    ],
)
def test_right_is_an_answer_that_holds_what_was_written(status: int, body: str, number: int, error: str) -> None:
    found = BROKER.query_error(Answer(status, {}, body), number, frozenset({7}))
    assert str(found or "").startswith(error) if error else found is None


def got(second: int, **sample: Any) -> Callable[[Row], Row]:
    def change(row: Row) -> Row:
        if row.second != second or row.client is None:
            return row
        return replace(row, client=replace(row.client, **sample))

    return change


@pytest.mark.parametrize(
    ("hold", "outcome", "reason"),
    [
        (passing(), "PASS", "update: 21 of 21 rows OK, the slowest in 4 ms"),
        (passing(), "PASS", "query: 21 of 21 rows OK, the slowest in 3 ms"),
        (changed(passing(), got(1009, update_error="HTTP 500")), "FAIL", "update: 1 of 21 rows NOK (1 x HTTP 500)"),
        (
            changed(passing(), got(1009, query_error="200 without the entity")),
            "FAIL",
            "query: 1 of 21 rows NOK (1 x 200 without the entity), the first at second 6, "
            "3 s after the idle clients connected; OK in every row before them",
        ),
        (changed(passing(), got(1009, query_latency=1000.1)), "FAIL", "query: 1 of 21 rows slower than 1000 ms"),
        (
            changed(passing(), got(1009, query_latency=1000.0)),
            "PASS",
            "query: 21 of 21 rows OK, the slowest in 1000 ms",
        ),
        (changed(passing(), lambda row: replace(row, client=None)), "INCONCLUSIVE", "client's answers: for 0 of 21"),
    ],
)
def test_rows_are_judged_as_those_of_version(hold: Hold, outcome: str, reason: str) -> None:
    judged = judge_hold(hold)
    assert judged.outcome == outcome
    assert any(text.startswith(reason) for text in judged.reasons), judged.reasons


def test_each_client_has_its_own_tolerance() -> None:
    spoilt = changed(changed(passing(), got(1009, update_error="x")), got(1010, query_error="x"))
    assert judge_hold(replace(spoilt, options=options(max_nok=1))).outcome == "PASS"


def test_none_was_asked_for() -> None:
    def change(row: Row) -> Row:
        slow = QueueSample(
            row.second, row.second, 0, 0, 100 * (row.second >= 1015), 0, 0, 100 * (row.since_trigger > 0)
        )
        return replace(row, client=None, healthy=None, queue=slow)

    without = changed(passing(), change)
    judged = judge_hold(replace(without, options=options(client=False, healthy=0)))
    assert judged.outcome == "PASS"
    assert not any(text.startswith(("update", "query", "client")) for text in judged.reasons)


@pytest.fixture
def own_mongo(processes: Processes, stack: Stack) -> Process:
    """A database server of this test alone, which may be stopped."""
    stack.mongo = start_mongo(processes)
    return processes.started[-1]


COLUMNS = ("update", "update_error", "query", "query_error")


@pytest.mark.slow
def test_without_a_client_nor_its_subscribers(stack: Stack) -> None:
    run = stack.start().locust("--duration", "5s", "--no-client")
    rows = stack.ended(run, 0)
    assert {row[name] for row in rows for name in (*COLUMNS, "healthy_arrived", "healthy_waiting")} == {""}
    assert not re.search("update: |healthy", verdict(run)[1])


def test_database_killed(stack: Stack, own_mongo: Process) -> None:
    run = stack.start().locust()
    stack.wait_for_row(run, 4)
    own_mongo.stop(signal.SIGKILL)
    rows = stack.ended(run, 1)
    assert {row["version"] for row in rows} == {"OK"}
    last = rows[-1]
    assert (last["update"], last["query"]) == ("NOK", "NOK")
    assert last["database"] == "NOK"
    assert "Connection refused" in last["database_error"]
    assert "Database Error" in last["update_error"]
    assert last["query_error"] == "200 without the entity"
    assert "200 without the entity" in verdict(run)[1]


@pytest.mark.slow
def test_database_stopped_and_continued(stack: Stack, own_mongo: Process) -> None:
    run = stack.start().locust("--duration", "12s")
    stack.wait_for_row(run, 4)
    os.kill(own_mongo.pid, signal.SIGSTOP)
    try:
        stack.wait_for_row(run, 8)
    finally:
        os.kill(own_mongo.pid, signal.SIGCONT)
    rows = stack.ended(run, 1)
    assert [int(row["second"]) for row in rows] == list(range(-1, 13)), "it delays no row"
    assert "no answer within the time limit" in {row["query_error"] for row in rows}
    assert "no answer within 2 s" in {row["database_error"] for row in rows}
    assert (rows[-1]["update"], rows[-1]["query"], rows[-1]["database"]) == ("OK", "OK", "OK")
    assert {row["version"] for row in rows} == {"OK"}


@pytest.mark.parametrize(
    ("broker_options", "kill", "remedy"),
    [
        ((), True, "the broker does not reach its database"),
        pytest.param(
            ("--null-connection",), False, "start the database, then restart the broker", marks=pytest.mark.slow
        ),
    ],
)
def test_broker_that_does_not_reach_its_database_ends_in_the_preflight(
    stack: Stack, own_mongo: Process, broker_options: tuple[str, ...], kill: bool, remedy: str
) -> None:
    stack.start(*broker_options)
    if kill:
        own_mongo.stop(signal.SIGKILL)
    run = stack.locust("--no-reset")
    assert stack.ended(run, 3) == []
    assert remedy in verdict(run)[1]
    assert "phase reset" not in run.output


def test_preflight_leaves_nothing(stack: Stack) -> None:
    run = stack.start().locust("--preflight-only")
    assert run.wait() == 0, run.output
    assert "an entity is stored, found and removed" in run.output
    with pymongo.MongoClient[dict[str, object]](f"mongodb://{stack.mongo}") as client:
        assert client[f"orion-{stack.service}"]["entities"].count_documents({}) == 0


def test_preflight_writes_nothing_where_something_else_is_wrong(stack: Stack) -> None:
    stack.start().listener.stop()
    run = stack.locust("--preflight-only")
    assert run.wait() == 3, run.output
    with pymongo.MongoClient[dict[str, object]](f"mongodb://{stack.mongo}") as client:
        assert f"orion-{stack.service}" not in client.list_database_names()


def test_its_service_path_is_not_the_tests(stack: Stack) -> None:
    stack.broker_port = stack.inspector_port = stack.listener_port = "1"  # never asked
    run = stack.locust("--service-path", CLIENT_PATH)
    assert run.wait() == 2, run.output
    assert f"--service-path: takes a path other than {CLIENT_PATH}" in run.output
