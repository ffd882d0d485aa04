"""The rehearsal broker's entities and subscriptions: as Orion keeps them in MongoDB, and what it says without it."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import psutil
import pytest
from pymongo import MongoClient

from tests.support.processes import Processes
from tests.support.rehearsal import QUEUE, Broker, Json, Listener, closed_port, eventually, of_queue, subscription
from tests.support.stack import start_mongo

pytestmark = pytest.mark.timeout(30)

OWN = {"Fiware-ServicePath": "/own"}
GONE = "exception: No servers yet eligible for rescan. Topology type: Single&#41;"
VALUE = {"type": "Number", "value": 7, "metadata": {}}


@pytest.fixture(scope="module")
def broker(mongo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    running = Processes(tmp_path_factory.mktemp("broker"))
    yield Broker(running, mongo, "-multiservice", "-notificationMode", "threadpool:60:9")
    running.close()


def test_an_entity_comes_back_as_it_was_written(broker: Broker) -> None:
    broker.update(7, OWN)
    whole, brief = {"id": "Bcn-Welt", "type": "Thing", "temperature": VALUE}, {"id": "Bcn-Welt", "type": "Thing"}
    for line, expected in (
        ("GET /v2/entities/Bcn-Welt", whole),
        ("GET /v2/entities/Bcn-Welt?type=Thing", whole),
        ("GET /v2/entities?id=Bcn-Welt&limit=1", [whole]),
        ("GET /v2/entities?idPattern=^Bcn&options=keyValues", [brief | {"temperature": 7}]),
        ("GET /v2/entities?id=Mad", []),
    ):
        answer = broker.ask(line, headers=OWN)
        assert (answer.status, json.loads(answer.body)) == (200, expected)
    assert broker.ask("GET /v2/entities?options=count&limit=1", headers=OWN).headers["Fiware-Total-Count"] == "1"
    assert broker.ask("GET /v2/entities?id=Bcn-Welt", headers={"Fiware-ServicePath": "/else"}).body == b"[]"
    assert broker.ask("DELETE /v2/entities/Bcn-Welt", headers=OWN).status == 204
    for line in ("GET /v2/entities/Bcn-Welt", "DELETE /v2/entities/Bcn-Welt"):
        answer = broker.ask(line, headers=OWN)
        description = "The requested entity has not been found. Check type and id"
        assert (answer.status, json.loads(answer.body)) == (404, {"error": "NotFound", "description": description})


def test_two_entities_of_one_id_are_one_too_many(broker: Broker) -> None:
    entities = [{"id": "Twin", "type": kind, "a": {"value": 1}} for kind in ("One", "Two")]
    broker.ask("POST /v2/op/update", {"actionType": "append", "entities": entities}, OWN)
    answer = broker.ask("GET /v2/entities/Twin", headers=OWN)
    assert (answer.status, json.loads(answer.body)["error"]) == (409, "TooManyResults")
    assert broker.ask("GET /v2/entities/Twin?type=Two", headers=OWN).status == 200


def test_the_documents_are_orions(broker: Broker, mongo: str) -> None:
    broker.update(7, OWN)
    body = {"description": "mine", "subject": {"entities": [{"idPattern": "^x"}]}}
    location = broker.ask("POST /v2/subscriptions", body | {"notification": {"http": {"url": "http://h:1/n"}}}).headers
    with MongoClient[Json](mongo) as client:
        database = client[f"orion-{broker.service}"]
        entity = database["entities"].find_one({"_id.servicePath": "/own", "_id.id": "Bcn-Welt"})
        stored = database["csubs"].find_one({"description": "mine"})
    assert entity is not None
    assert entity["_id"] == {"id": "Bcn-Welt", "type": "Thing", "servicePath": "/own"}
    assert entity["attrNames"] == ["temperature"]
    attribute = entity["attrs"]["temperature"]  # type: ignore[index]
    assert (attribute["value"], attribute["type"], attribute["mdNames"]) == (7, "Number", [])
    assert stored is not None
    assert location["Location"] == f"/v2/subscriptions/{stored['_id']}"
    assert {name: stored[name] for name in ("reference", "servicePath", "status", "maxFailsLimit", "entities")} == {
        "reference": "http://h:1/n",
        "servicePath": "/test",
        "status": "active",
        "maxFailsLimit": -1,
        "entities": [{"id": "^x", "isPattern": True}],
    }


def test_an_update_elsewhere_notifies_nobody(processes: Processes, mongo: str, listener: Listener) -> None:
    broker = Broker(processes, mongo, *QUEUE, "threadpool:60:9")
    broker.subscribe(listener.url)
    broker.update(1, OWN)
    assert of_queue(broker, "in") == (0,)
    broker.update(1)
    assert of_queue(broker, "in") == (1,)


def test_subscriptions_are_listed_by_pages_and_deleted(processes: Processes, mongo: str, listener: Listener) -> None:
    broker = Broker(processes, mongo, *QUEUE, "threadpool:60:9")
    broker.subscribe(listener.url, 5)
    listener.release()
    broker.update(1)
    eventually(lambda: of_queue(broker, "sentOk") == (5,))
    pages = [broker.ask(f"GET /v2/subscriptions?limit=3&offset={offset}&options=count") for offset in (0, 3)]
    assert [answer.headers["Fiware-Total-Count"] for answer in pages] == ["5", "5"]
    shown = [item for answer in pages for item in json.loads(answer.body)]
    assert len({item["id"] for item in shown}) == 5
    for item in shown:
        assert (item["status"], item["notification"]["http"]["url"]) == ("active", listener.url)
        assert item["notification"]["timesSent"] == 1
        assert "lastFailure" not in item["notification"]
    line = f"DELETE /v2/subscriptions/{shown[0]['id']}"
    assert [broker.ask(line).status for _ in range(2)] == [204, 404]
    assert broker.ask("DELETE /v2/subscriptions/zz").status == 404
    assert broker.total() == 4
    broker.update(2)
    assert of_queue(broker, "in") == (9,)


def test_a_subscription_that_fails_too_often_is_inactive(processes: Processes, mongo: str) -> None:
    with closed_port() as closed:
        options = ("-notificationMode", "threadpool:60:9", "-subCacheIval", 1, "--max-fails", 1)
        broker = Broker(processes, mongo, "-multiservice", "-statNotifQueue", *options)
        broker.subscribe(f"http://127.0.0.1:{closed.getsockname()[1]}/notify")
        for update, status in ((1, "active"), (2, "inactive")):
            broker.update(update)
            eventually(lambda update=update: of_queue(broker, "sentError") == (update,))  # type: ignore[misc]
            (shown,) = json.loads(broker.ask("GET /v2/subscriptions").body)
            assert (shown["status"], shown["notification"]["failsCounter"]) == (status, update)
            assert shown["notification"]["maxFailsLimit"] == 1
        before = broker.cache()["refresh"]
        eventually(lambda: broker.cache()["refresh"] > before)
        broker.update(3)
        assert of_queue(broker, "in") == (2,)


def test_a_database_that_is_gone(processes: Processes) -> None:
    mongo = start_mongo(processes)
    broker = Broker(processes, mongo, "-multiservice")
    broker.subscribe("http://localhost:8090/notify")
    processes.started[0].popen.kill()
    update = {"actionType": "append", "entities": [{"id": "x"}]}
    for line, body, collection in (
        ("POST /v2/op/update", update, "entities - count_documents"),
        ("GET /v2/subscriptions?limit=1", None, "csubs - count_documents"),
        ("POST /v2/subscriptions", subscription("http://h:1/"), "csubs - insert_one"),
    ):
        answer = broker.ask(line, body, timeout=2)
        description = f"Database Error &#40;collection: orion-{broker.service}.{collection}&#40;&#41; - {GONE}"
        expected = {"error": "InternalServerError", "description": description}
        assert (answer.status, json.loads(answer.body)) == (500, expected)
    answer = broker.ask("GET /v2/entities?limit=1", timeout=2)
    assert (answer.status, answer.body) == (200, b"[]")
    assert broker.ask("GET /version").status == 200
    with pytest.raises(ConnectionError):  # Orion 4.7.0 dies of this one
        broker.ask("GET /v2/entities/x")
    assert broker.process.wait(5) == -signal.SIGSEGV


def test_a_database_that_stands_still(processes: Processes) -> None:
    mongo = start_mongo(processes)
    broker = Broker(processes, mongo, "-multiservice", "-subCacheIval", 1)
    database = processes.started[0].popen
    database.send_signal(signal.SIGSTOP)
    eventually(lambda: psutil.Process(database.pid).status() == psutil.STATUS_STOPPED)  # on a busy core not at once
    try:
        for line in ("GET /v2/entities?limit=1", "GET /v2/subscriptions?limit=1", "GET /cache/statistics"):
            with pytest.raises(TimeoutError):
                broker.ask(line, timeout=1.5)
        assert broker.ask("GET /version").status == broker.ask("GET /statistics").status == 200
    finally:
        database.send_signal(signal.SIGCONT)
    assert broker.ask("GET /v2/entities?limit=1", timeout=2).status == 200
    assert broker.cache()["items"] == 0


def test_a_broker_that_never_connected(processes: Processes, mongo: str) -> None:
    broker = Broker(processes, mongo, "-multiservice", "--null-connection")
    answer = broker.ask("GET /v2/subscriptions?limit=1&options=count", timeout=2)
    expected = {"error": "InternalServerError", "description": "null DB connection"}
    assert (answer.status, json.loads(answer.body)) == (500, expected)
    assert broker.ask("GET /version").status == 200
