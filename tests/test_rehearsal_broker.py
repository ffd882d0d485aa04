"""The rehearsal broker through its front door: requests, subscriptions, its end, and MongoDB's."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator

import psutil
import pytest
from pymongo import MongoClient

from tests.support.processes import Processes
from tests.support.rehearsal import POOL, Broker, Json, eventually, subscription
from tests.support.stack import start_mongo

pytestmark = pytest.mark.timeout(30)


@pytest.fixture(scope="module")
def broker(mongo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One broker for the tests that need no options and leave nothing behind."""
    running = Processes(tmp_path_factory.mktemp("broker"))
    yield Broker(running, mongo, "-multiservice")
    running.close()


def error(description: str, name: str = "BadRequest") -> Json:
    return {"error": name, "description": description}


VALID = subscription("http://localhost:8090/notify")
UNKNOWN = {
    "orionError": {
        "code": "400",
        "reasonPhrase": "Bad Request",
        "details": "Service not found. Check your URL as probably it is wrong.",
    }
}
TENANT = "bad character in tenant name - only underscore and alphanumeric characters are allowed"
PATH = "Only /absolute/ Service Paths allowed [a service path must begin with /]"
ACTION = "invalid update action type: right ones are: append, appendStric, delete, replace, update"


@pytest.mark.parametrize(
    ("line", "body", "headers", "expected"),
    [
        ("POST /v2/subscriptions", {}, {}, (400, error("no subject for subscription specified"))),
        ("POST /v2/subscriptions", {"subject": {}}, {}, (400, error("no notification for subscription specified"))),
        ("POST /v2/subscriptions", subscription("x"), {}, (400, error("Invalid URL parsing notification url"))),
        (
            "POST /v2/subscriptions",
            subscription("http://h:x/"),
            {},
            (400, error("Invalid URL parsing notification url")),
        ),
        (
            "POST /v2/subscriptions",
            VALID,
            {"Content-Type": "text/plain"},
            (415, error("not supported content type: text/plain", "UnsupportedMediaType")),
        ),
        ("POST /v2/subscriptions", "{", {}, (400, error("Errors found in incoming JSON buffer", "ParseError"))),
        ("POST /v2/subscriptions", VALID, {"Fiware-Service": "BAD-x y"}, (400, error(TENANT))),
        ("POST /v2/subscriptions", VALID, {"Fiware-ServicePath": "test"}, (400, error(PATH))),
        (
            "POST /v2/subscriptions",
            {"subject": {"entities": {}}, "notification": {"http": {"url": "http://localhost:1"}}},
            {},
            (400, error("entities is not of the right JSON type")),
        ),
        (
            "POST /v2/subscriptions",
            {"subject": {"condition": {"attrs": [{}]}}, "notification": {"http": {"url": "http://localhost:1"}}},
            {},
            (400, error("attrs is not of the right JSON type")),
        ),
        ("POST /v2/op/update", {"actionType": "add", "entities": []}, {}, (400, error(ACTION))),
        ("POST /v2/op/update", {"actionType": "aPPend", "entities": []}, {}, (204, None)),
        ("GET /v2/subscriptions?limit=1&options=count", None, {}, (200, [])),
        ("DELETE /version", None, {}, (405, None)),
        ("GET /nothing/here", None, {}, (400, UNKNOWN)),
    ],
)
def test_answers_as_orion_does(
    broker: Broker, line: str, body: object, headers: dict[str, str], expected: tuple[int, object]
) -> None:
    answer = broker.ask(line, body, headers)
    assert (answer.status, json.loads(answer.body) if answer.body else None) == expected
    assert answer.headers["Fiware-Correlator"]
    assert answer.headers["Content-Type"] == ("application/json" if answer.body else None)


def test_methods_that_are_allowed_are_named(broker: Broker) -> None:
    assert broker.ask("DELETE /version").headers["Allow"] == "GET"
    assert broker.ask("PUT /v2/subscriptions").headers["Allow"] == "GET, POST"


def test_version(broker: Broker) -> None:
    orion = json.loads(broker.ask("GET /version").body)["orion"]
    assert orion["version"] == "3.10.1"
    assert orion["uptime"].startswith("0 d, 0 h, ")
    assert orion["libversions"]["libcurl"] == "libcurl/7.88.1"


def test_a_subscription_is_stored_and_cached_at_once(processes: Processes, mongo: str) -> None:
    broker = Broker(processes, mongo, "-multiservice")
    before = broker.cache()["items"]
    answer = broker.ask("POST /v2/subscriptions", VALID)
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (201, b"", "0")
    with MongoClient[Json](mongo) as client:
        stored = client[f"orion-{broker.service}"]["csubs"].find_one()
    assert stored is not None
    assert answer.headers["Location"] == f"/v2/subscriptions/{stored['_id']}"
    assert broker.cache()["items"] == before + 1
    shown = json.loads(broker.ask("GET /v2/subscriptions").body)
    assert [(item["id"], item["subject"]["entities"]) for item in shown] == [
        (str(stored["_id"]), [{"idPattern": ".*"}])
    ]
    assert broker.total() == 1


def test_without_multiservice_the_service_is_ignored(processes: Processes, mongo: str) -> None:
    broker = Broker(processes, mongo)
    before = broker.total()
    broker.subscribe("http://localhost:8090/notify", 3)
    with MongoClient[Json](mongo) as client:
        assert f"orion-{broker.service}" not in client.list_database_names()
        assert client["orion"]["csubs"].count_documents({}) == before + 3
        client.drop_database(f"orion-{broker.service}")
    assert broker.total() == before + 3


def test_every_nth_creation_fails_when_asked_for(processes: Processes, mongo: str) -> None:
    broker = Broker(processes, mongo, "-multiservice", "--fail-subscriptions", "3:503")
    assert [broker.ask("POST /v2/subscriptions", VALID).status for _ in range(7)] == [
        201,
        201,
        503,
        201,
        201,
        503,
        201,
    ]
    assert broker.total() == 5


def test_the_pool_is_open_when_it_is_ready_and_idle_clients_stay(processes: Processes, mongo: str) -> None:
    broker = Broker(processes, mongo)
    broker.wait_for_connections(POOL)
    with socket.create_connection(("127.0.0.1", broker.port)) as idle:
        broker.wait_for_connections(POOL + 1)
        idle.settimeout(1)
        with pytest.raises(TimeoutError):
            idle.recv(1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_at_once(processes: Processes, mongo: str, number: signal.Signals) -> None:
    broker = Broker(processes, mongo)
    assert psutil.Process(broker.process.pid).name() == broker.service
    begin = time.monotonic()
    assert broker.process.stop(number) == 0
    assert time.monotonic() - begin < 1


@pytest.mark.parametrize(
    ("to_supervisor", "number"), [(True, signal.SIGHUP), (False, signal.SIGKILL)], ids=["asked to", "after a crash"]
)
def test_it_is_started_again_on_its_port(
    processes: Processes, mongo: str, to_supervisor: bool, number: signal.Signals
) -> None:
    broker = Broker(processes, mongo, "--restart")
    for times in (2, 3):
        supervised = only_child(broker)
        begin = time.monotonic()
        (psutil.Process(broker.process.pid) if to_supervisor else supervised).send_signal(number)
        broker.process.wait_for(rf"(?s)(listening on 127.0.0.1:{broker.port}\n.*){{{times}}}")
        assert time.monotonic() - begin < 5
        assert only_child(broker) != supervised
        assert broker.ask("GET /version").status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_supervisor_ends_with_its_broker(processes: Processes, mongo: str, number: signal.Signals) -> None:
    broker = Broker(processes, mongo, "--restart")
    supervised = only_child(broker)
    broker.process.stop(number)
    eventually(lambda: not supervised.is_running() or supervised.status() == psutil.STATUS_ZOMBIE, timeout=1)


def only_child(broker: Broker) -> psutil.Process:
    (child,) = psutil.Process(broker.process.pid).children()
    return child


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (
            ["-notificationMode", "threadpool:x"],
            "argument -notificationMode: 'threadpool:x' is not transient, persistent",
        ),
        (["-port", "70000"], "argument -port: '70000' is not a whole number from 0 to 65535"),
        (["--fail-subscriptions", "7:200"], "'7:200' is not N:STATUS"),
        (["--leak", "paper"], "argument --leak: 'paper' is not one of fds, threads, memory, connections, memory:BYTES"),
        (["-nonsense"], "unrecognized arguments: -nonsense"),
    ],
)
def test_wrong_options_are_named(processes: Processes, options: list[str], complaint: str) -> None:
    process = processes.start("python", "-m", "rehearsal", *options)
    assert process.wait(10) == 2
    assert complaint in process.output


def test_the_manuals_other_options_are_accepted(processes: Processes, mongo: str) -> None:
    manual = (
        "-reqMutexPolicy none -writeConcern 0 -statTiming -statSemWait -statCounters -fg -dbPoolSize 4 -reqPoolSize 8"
    )
    broker = Broker(processes, mongo, *manual.split())
    broker.wait_for_connections(POOL - 6)


def test_it_does_not_listen_before_its_database_answers(processes: Processes) -> None:
    mongo = start_mongo(processes)
    database = processes.started[0].popen
    database.send_signal(signal.SIGSTOP)
    try:
        broker = processes.start("python", "-m", "rehearsal", "-port", 0, "-dbhost", mongo)
        broker.wait_for("no MongoDB yet: ")
        assert "listening" not in broker.output
    finally:
        database.send_signal(signal.SIGCONT)
    broker.wait_for("listening on")
    assert "Traceback" not in broker.output
