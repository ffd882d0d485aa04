"""The database that is dropped is the test's own; and what a run leaves behind: nothing, or what it says."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import pymongo
import pytest

from scenario.errors import BrokerError, DatabaseError
from scenario.peers import database
from scenario.peers.answers import Answer
from scenario.peers.broker import Request
from scenario.peers.ngsild import NgsiLd
from scenario.peers.ngsiv2 import Ngsiv2
from tests.support.fleet import start_fleet
from tests.support.processes import Process
from tests.support.stack import SUBSCRIPTIONS, Stack, free_port, start_mongo, verdict

PASS, FAIL, USAGE, PREFLIGHT, INCONCLUSIVE = range(5)
Documents = dict[str, Any]
OWN = Ngsiv2("http://localhost:1026", "s", "/test").own_documents
RUN = "0a" * 16


def subscription(description: object, path: object = "/test") -> Documents:
    """Return a subscription as Orion stores it, as far as anybody asks."""
    return {"description": description, "servicePath": path}


def entity(identifier: object, kind: object = "Thing", path: object = "/test") -> Documents:
    """Return an entity as Orion stores it."""
    return {"_id": {"id": identifier, "type": kind, "servicePath": path}}


WORDS, NAME = "connections stress test", "ConnectionsStressTest"
FOREIGN_DESCRIPTIONS = [
    *(f"{WORDS} of the lamps", f"{WORDS} {RUN[1:]}", f"{WORDS} {RUN}0", f"{WORDS} {RUN.upper()}", f"{WORDS}{RUN}"),
    *(
        f"{WORDS}\n",
        f"{WORDS} {RUN}\n",
        f"\n{WORDS}",
        f"x\n{WORDS}\nx",
        f"{WORDS} ",
        f" {WORDS}",
        WORDS.title(),
        "",
        WORDS[:-1],
    ),
]
FOREIGN_IDS = [
    *(f"{NAME}ResultsOf2025", f"{NAME}{RUN[1:]}", f"{NAME}{RUN}0", f"{NAME}{RUN.upper()}", f"{NAME} {RUN}", f"{NAME}s"),
    *(
        f"{NAME}\n",
        f"{NAME}{RUN}\n",
        f"\n{NAME}",
        f"x\n{NAME}\nx",
        NAME.lower(),
        f"My{NAME}",
        "Lamp",
        f"{NAME}\r",
        f"{NAME}\0",
    ),
]
FOREIGN: list[tuple[str, Documents]] = [
    *(("csubs", subscription(each)) for each in FOREIGN_DESCRIPTIONS),
    *(
        ("csubs", subscription(WORDS, path))
        for path in ("/prod", "/test/a", "/test\n", "/", "/test/#", None, ["/test"])
    ),
    *(
        ("csubs", each)
        for each in ({}, {"description": WORDS}, subscription(None), subscription([WORDS]), subscription({"a": WORDS}))
    ),
    *(("entities", entity(each)) for each in FOREIGN_IDS),
    *(("entities", entity(NAME, kind)) for kind in ("Archive", "", "thing", "Thing\n", "Things", None, ["Thing"])),
    *(("entities", entity(NAME, path=path)) for path in ("/prod", "/test/a", "/", "/test\n", "/Test", None, ["/test"])),
    *(("entities", entity([NAME])), ("entities", {"_id": NAME}), ("entities", {"_id": {"id": NAME}})),
    ("entities", {"_id": "x", "id": NAME, "type": "Thing", "servicePath": "/test"}),
    *(("registrations", entity(NAME)), ("system.js", {"_id": "f", "value": "1"}), ("CSUBS", subscription(WORDS))),
]


@pytest.fixture
def client(stack: Stack) -> Iterator[pymongo.MongoClient[Documents]]:
    """The database server that the stack uses."""
    with pymongo.MongoClient[Documents](f"mongodb://{stack.mongo}") as connected:
        yield connected
        for name in connected.list_database_names():  # a broker of another test reads them all
            if name.startswith("orion"):
                connected.drop_database(name)


def fill(client: pymongo.MongoClient[Documents], name: str) -> Documents:
    """Make somebody else's database; return how many documents are in each of its collections."""
    lamp = {"type": "Lamp", "servicePath": "/city"}
    client[name]["entities"].insert_many([{"_id": {"id": f"Lamp{number:04}", **lamp}} for number in range(1000)])
    client[name]["registrations"].insert_one({"_id": "provider"})
    return held(client, name)


def held(client: pymongo.MongoClient[Documents], name: str) -> Documents:
    """Return how many documents are in each collection that has any."""
    counts = {each: client[name][each].count_documents({}) for each in client[name].list_collection_names()}
    return {name: count for name, count in counts.items() if count}


def test_what_is_somebody_elses_is_never_dropped(stack: Stack, client: pymongo.MongoClient[Documents]) -> None:
    name = f"orion-{stack.service}"
    before = fill(client, name)
    stack.start()
    for options in ((), ("--force",), ("--drop-foreign", stack.service), ("--drop-foreign", "orion", "--force")):
        run = stack.locust(*options)
        assert stack.ended(run, PREFLIGHT) == []
        assert held(client, name) == before
        if "--drop-foreign" in options:
            assert f"but the database of the service is {name}" in verdict(run)[1]
        else:
            assert "1000 in entities (Lamp0000, Lamp0001, Lamp0002, ...); 1 in registrations (provider)" in run.output
            assert f"--drop-foreign {name} drops it" in verdict(run)[1]
    run = stack.locust("--drop-foreign", name, "--duration", "5s")
    stack.ended(run, PASS)
    assert held(client, name) == {}


@pytest.mark.slow
def test_what_came_after_the_preflight_is_not_dropped_either(
    stack: Stack, client: pymongo.MongoClient[Documents]
) -> None:
    stack.start(delay="3600s")
    ramp = ("--ramp", "10:20:10", "--hold", 5, "--idle-connections", 0)
    run = stack.locust(*ramp)
    run.wait_for("phase observe", 60)
    client[f"orion-{stack.service}"]["registrations"].insert_one({"_id": "provider"})
    run.wait_for("step 2: .* connections", 60)
    stack.ended(run, INCONCLUSIVE, 60)
    assert "was not dropped, because it holds 1 in registrations (provider)" in verdict(run)[1]
    assert held(client, f"orion-{stack.service}") == {"registrations": 1}


def test_a_broker_on_another_database_ends_the_run(stack: Stack) -> None:
    stack.start()
    another = start_mongo(stack.processes)
    run = stack.locust("--mongo", another)
    assert stack.ended(run, INCONCLUSIVE) == []
    outcome, reasons = verdict(run)
    assert outcome == "INCONCLUSIVE"
    assert (
        f"seed: the broker keeps its subscriptions elsewhere: none is in orion-{stack.service} at {another}" in reasons
    )
    assert f"-dbhost {stack.mongo}" in reasons
    assert re.search(
        rf"preflight: warning +broker's database +-dbhost localhost:\d+; needed: that of --mongo, {another}", run.output
    )
    assert "phase trigger" not in run.output
    assert stack.count_subscriptions() == 0, "they were removed"


@pytest.mark.slow
def test_without_reset_only_what_the_run_made_is_removed(stack: Stack, client: pymongo.MongoClient[Documents]) -> None:
    name = f"orion-{stack.service}"
    before = fill(client, name)
    stack.start().subscribe(3, "somebody else's")
    stack.subscribe(2)
    stack.locust("--no-reset", "--keep", "--no-client", "--duration", "5s", "--force").wait()
    kept = held(client, name)
    assert kept == {**before, "entities": 1001, "csubs": 5 + SUBSCRIPTIONS}
    stack.locust("--no-reset", "--no-client", "--duration", "5s", "--force").wait()
    assert held(client, name) == kept
    cleanup = cleanup_command(stack)
    assert cleanup.wait() == 0, cleanup.output
    assert f"{2 + SUBSCRIPTIONS} subscriptions removed" in cleanup.output
    assert held(client, name) == {**before, "csubs": 3}


def cleanup_command(stack: Stack, *options: str) -> Process:
    """Start the command that removes what runs left."""
    host = f"http://127.0.0.1:{stack.broker_port}"
    return stack.processes.start(
        *("python", "-m", "scenario.cleanup", "--host", host, "--service", stack.service, *options), name="cleanup"
    )


@pytest.mark.parametrize(
    "phase", [pytest.param("seed", marks=pytest.mark.slow), pytest.param("baseline", marks=pytest.mark.slow), "observe"]
)
def test_nothing_is_left_after_ctrl_c(stack: Stack, client: pymongo.MongoClient[Documents], phase: str) -> None:
    run = stack.start().locust("--duration", "60s", *(("--subscriptions", 3000, "--force") if phase == "seed" else ()))
    run.wait_for(r"seed: \d+ of 3000 subscriptions" if phase == "seed" else f"phase {phase}", 60)
    os.kill(run.pid, signal.SIGINT)
    stack.ended(run, INCONCLUSIVE, 30)
    assert f"interrupted in phase {phase}" in verdict(run)[1]
    assert "cleanup: removed" in run.output
    assert held(client, f"orion-{stack.service}") == {}


@pytest.mark.parametrize("way", [pytest.param("processes", marks=pytest.mark.slow), "workers"])
def test_nothing_is_left_of_several_processes_after_ctrl_c(
    stack: Stack, client: pymongo.MongoClient[Documents], way: str
) -> None:
    fleet = start_fleet(stack.start(), way, "--subscriptions", 3000, "--force", "--no-client")
    fleet.master.wait_for(r"seed: \d+ of 3000 subscriptions", 60)
    os.kill(fleet.master.pid, signal.SIGINT)
    stack.ended(fleet.master, INCONCLUSIVE, 40)
    assert "interrupted in phase seed" in verdict(fleet.master)[1]
    assert held(client, f"orion-{stack.service}") == {}


def test_a_second_signal_ends_at_once_and_says_what_is_left(
    stack: Stack, client: pymongo.MongoClient[Documents]
) -> None:
    run = stack.start().locust("--baseline", 60)
    stack.wait_for_row(run, 1)
    os.kill(stack.broker.pid, signal.SIGSTOP)
    try:
        os.kill(run.pid, signal.SIGINT)
        run.wait_for("phase cleanup")
        time.sleep(1)
        os.kill(run.pid, signal.SIGTERM)
        stack.ended(run, INCONCLUSIVE, 3)
    finally:
        os.kill(stack.broker.pid, signal.SIGCONT)
    found = re.search(r"are left \(stopped\); remove them with: python (.*)", verdict(run)[1])
    assert found
    assert stack.count_subscriptions() == SUBSCRIPTIONS
    command = stack.processes.start(sys.executable, *shlex.split(found[1]), name="cleanup")
    assert command.wait() == 0, command.output
    assert held(client, f"orion-{stack.service}") == {}


def test_a_second_run_on_the_same_service_is_refused(stack: Stack, client: pymongo.MongoClient[Documents]) -> None:
    run = stack.start().locust("--baseline", 2, "--duration", "5s")
    stack.wait_for_row(run, 1)
    second = stack.locust_process("--headless", "--force", *stack.options("--csv", stack.folder / "second"))
    assert second.wait(20) == PREFLIGHT, second.output
    assert "another run is under way in orion-" in verdict(second)[1]
    stack.ended(run, PASS)
    assert held(client, f"orion-{stack.service}") == {}
    marks = client[f"orion-{stack.service}"]["connections_stress_test"]
    marks.insert_one({"_id": "run under way", "run": "killed", "at": datetime.now(UTC) - timedelta(seconds=31)})
    stack.ended(stack.locust("--duration", "2s"), PASS)
    assert held(client, f"orion-{stack.service}") == {}


@pytest.mark.slow
def test_a_broker_that_does_not_answer_loses_its_database(stack: Stack, client: pymongo.MongoClient[Documents]) -> None:
    run = stack.start().locust()
    stack.wait_for_row(run, 4)
    stack.broker.stop(signal.SIGKILL)
    stack.ended(run, FAIL)
    assert f"dropped the database orion-{stack.service} instead" in run.output
    assert held(client, f"orion-{stack.service}") == {}


@pytest.mark.slow
def test_without_reset_what_is_left_is_said(stack: Stack) -> None:
    run = stack.start().locust("--no-reset")
    stack.wait_for_row(run, 4)
    stack.broker.stop(signal.SIGKILL)
    stack.ended(run, FAIL)
    assert re.search(r"cleanup: subscriptions of the run are left .*: python -m scenario.cleanup", verdict(run)[1])


@pytest.mark.parametrize(
    "name", ["orion", "admin", "config", "local", "orion-", "orion-BAD", "-s", "a.b-s", "orion-s\n"]
)
def test_no_other_database_is_dropped(name: str) -> None:
    with pytest.raises(DatabaseError, match="is not the database of a service"):
        database.drop(f"127.0.0.1:{free_port()}", name)


@pytest.mark.parametrize(
    ("mongo", "host", "addresses"),
    [
        ("localhost", "localhost", {("localhost", 27017)}),
        ("127.0.0.1:27018", "localhost", {("localhost", 27018)}),
        ("[::1]:27018", "::1", {("localhost", 27018)}),
        ("mongodb", "localhost", {("mongodb", 27017)}),  # as many a compose file names it
        ("mongodb:27018", "localhost", {("mongodb", 27018)}),
        ("mongodb://u:p@127.0.0.1", "broker", {("broker", 27017)}),
        ("mongodb://a:1,B:2/db?replicaSet=r", "localhost", {("a", 1), ("b", 2)}),
        ("mongodb+srv://cluster.example", "localhost", set()),
        ("mongodb://a/?tls=true&tlsCAFile=/of/the/brokers/host", "localhost", {("a", 27017)}),
        ("mongodb://", "localhost", set()),
    ],
)
def test_addresses_of_a_database_server(mongo: str, host: str, addresses: set[tuple[str, int]]) -> None:
    assert database.servers(mongo, host) == addresses


def test_what_is_somebody_elses(stack: Stack, client: pymongo.MongoClient[Documents]) -> None:
    name = f"look-{stack.service}"  # which no broker reads
    client[name]["csubs"].insert_many([subscription(WORDS), subscription(f"{WORDS} {RUN}", "/ordinary_client")])
    client[name]["entities"].insert_many([entity(NAME), entity(f"{NAME}{RUN}", path="/ordinary_client")])
    assert database.look(stack.mongo, name, OWN) == database.Contents(own=4)
    for collection, document in FOREIGN:
        there = client[name][collection].insert_one(dict(document)).inserted_id
        foreign = database.look(stack.mongo, name, OWN).foreign
        seen = [(each.collection, each.documents, len(each.ids)) for each in foreign]
        assert seen == [(collection, 1, 1)], document
        client[name][collection].delete_one({"_id": there})
    assert database.look(stack.mongo, name, OWN) == database.Contents(own=4)


class Listing:
    """A broker that lists what it is given, whatever is asked for, and remembers what is removed."""

    def __init__(self, subscriptions: list[Documents], entities: list[Documents]) -> None:
        self.listed = {"/v2/subscriptions": subscriptions, "/v2/entities": entities}
        self.removed: list[str] = []

    def __call__(self, request: Request) -> Answer:
        """Answer a request."""
        path, _, query = request.path.partition("?")
        if request.method == "GET":
            offset = int((re.search(r"offset=(\d+)", query) or [0, 0])[1])
            return Answer(200, body=json.dumps(self.listed[path][offset:][:1000]))
        self.removed.append(request.path)
        for listed in self.listed.values():
            listed[:] = [each for each in listed if not path.endswith(f"/{each['id']}")]
        return Answer(204)


class LdListing(Listing):
    """An NGSI-LD broker that does so; what it was asked to remove it no longer lists."""

    def __call__(self, request: Request) -> Answer:
        """Answer a request."""
        path = request.path.partition("?")[0].removeprefix("/ngsi-ld/v1")
        if request.method == "GET":
            of_path = self.listed[f"/v2{path}"]
            return Answer(200, body=json.dumps([each for each in of_path if f"{path}/{each['id']}" not in self.gone]))
        self.removed.append(request.path)
        self.gone.append(path)
        return Answer(204)

    @cached_property
    def gone(self) -> list[str]:
        """Paths of what is no longer there."""
        return []


@pytest.mark.parametrize("run", ["", RUN])
def test_cleanup_removes_exactly_what_is_the_tests_own(run: str) -> None:
    """A broker may list more than it was asked for."""
    ours = {f"{WORDS} {run}".strip(), f"{WORDS} {RUN}"}
    theirs = [*FOREIGN_DESCRIPTIONS, f"{WORDS} {'b' * 32}" if run else "x", WORDS if run else "x"]
    subscriptions = [{"id": f"theirs{number}", "description": each} for number, each in enumerate(theirs)]
    subscriptions[3:3] = [{"id": f"own{number}", "description": each} for number, each in enumerate(sorted(ours))]
    foreign = [
        *((each, "Thing") for each in FOREIGN_IDS),
        (NAME, "Archive"),
        (f"{NAME}{RUN}", ""),
        *[(NAME, "Thing")] * bool(run),
    ]
    entities = [{"id": each, "type": kind} for each, kind in [(f"{NAME}{RUN}", "Thing"), *foreign]]
    broker = Listing(subscriptions, entities)
    removed = list(Ngsiv2("http://localhost:1026", "s", "/test", run).remove(broker))
    wanted = [f"/v2/subscriptions/own{number}" for number in range(len(ours))]
    assert broker.removed == [*wanted, f"/v2/entities/{NAME}{RUN}?type=Thing"]
    assert len(removed) == len(ours)


def test_cleanup_removes_the_entities_of_all_updates() -> None:
    entities = [{"id": f"{NAME}{RUN}.{number}", "type": "Thing"} for number in range(1, 2500)]
    broker = Listing([], [{"id": "Lamp", "type": "Thing"}, *entities])
    list(Ngsiv2("http://localhost:1026", "s", "/test", RUN).remove(broker))
    assert broker.listed["/v2/entities"] == [{"id": "Lamp", "type": "Thing"}]


@pytest.mark.parametrize("what", ["subscriptions", "entities"])
def test_cleanup_of_what_the_broker_does_not_remove_has_an_end(what: str) -> None:
    own = [{"id": f"{NAME}{RUN}", "type": "Thing", "description": f"{WORDS} {RUN}"}] * 1000
    searches: list[Request] = []

    def broker(request: Request) -> Answer:
        if request.method == "DELETE":
            return Answer(204)
        searches.append(request)
        assert len(searches) < 100
        return Answer(200, body=json.dumps(own if what in request.path else []))

    with pytest.raises(BrokerError, match=f"still lists {what} that it reported as removed"):
        list(Ngsiv2("http://localhost:1026", "s", "/test", RUN).remove(broker))


LD, LD_NAME = "urn:ngsi-ld:Subscription", "urn:ngsi-ld:ConnectionsStressTest"
OTHER_RUN = "b" * 32
LD_SUBSCRIPTIONS = [
    *((f"{LD}:{RUN}:{NAME}:{OTHER_RUN}", each) for each in FOREIGN_DESCRIPTIONS),
    *((f"{LD}:{each}:{NAME}:{OTHER_RUN}", f"{WORDS} {RUN}") for each in ("mine", RUN.upper(), f"{RUN}0", "")),
    *((f"{LD}:{RUN}:{each}:{OTHER_RUN}", f"{WORDS} {RUN}") for each in (f"{NAME}Client", f"{NAME}s", "Archive")),
    *(
        (each, f"{WORDS} {RUN}")
        for each in (
            f"{LD}:{RUN}:{NAME}:{OTHER_RUN}\n",
            f"{LD}:{RUN}:{NAME}",
            "a",
            f"{LD_NAME}:none",
            f"{LD_NAME}:{RUN}",
        )
    ),
]
LD_ENTITIES = [
    *(
        (f"{LD_NAME}:{each}", NAME)
        for each in ("ResultsOf2025", f"{RUN}0", f"{RUN}\n", "none\n", "nones", "none:12345", "", RUN.upper())
    ),
    *(
        (f"{LD_NAME}:{each}", kind)
        for each in ("none", RUN)
        for kind in ("Archive", "", "Subscription", f"{NAME}\n", f"{NAME}Client")
    ),
    *((f"{LD_NAME}Client:{RUN}", NAME), (f"{LD_NAME}s:{RUN}", NAME), (NAME, NAME), ("Lamp", NAME)),
]


@pytest.mark.parametrize("run", ["", RUN])
def test_cleanup_of_an_ngsi_ld_broker_removes_exactly_what_is_the_tests_own(run: str) -> None:
    theirs = [*LD_SUBSCRIPTIONS, *[(f"{LD}:{OTHER_RUN}:{NAME}:{RUN}", f"{WORDS} {OTHER_RUN}")] * bool(run)]
    subscriptions = [{"id": each, "type": "Subscription", "description": said} for each, said in theirs]
    subscriptions += [{"id": each, "type": "", "description": said} for each, said in theirs]
    own = f"{LD}:{RUN}:{NAME}:{OTHER_RUN}"
    subscriptions.insert(3, {"id": own, "type": "Subscription", "description": f"{WORDS} {RUN}"})
    entities = [{"id": each, "type": kind} for each, kind in LD_ENTITIES]
    entities.insert(2, {"id": f"{LD_NAME}:{RUN}", "type": NAME})
    broker = LdListing(subscriptions, entities)
    list(NgsiLd("http://localhost:1026", "s", NAME, run).remove(broker))
    assert broker.removed == [f"/ngsi-ld/v1/subscriptions/{own}", f"/ngsi-ld/v1/entities/{LD_NAME}:{RUN}"]


def test_an_archive_is_neither_dropped_nor_cleaned_up(stack: Stack, client: pymongo.MongoClient[Documents]) -> None:
    name = f"orion-{stack.service}"
    theirs = [entity(f"{NAME}ResultsOf2025", "Archive", "/prod"), entity(f"{NAME}ResultsOf2025", "Archive")]
    client[name]["entities"].insert_many([each | {"attrs": {}, "attrNames": [], "creDate": 1.0} for each in theirs])
    stack.start()
    run = stack.locust("--duration", "5s")
    assert stack.ended(run, PREFLIGHT) == []
    assert f"2 in entities ({NAME}ResultsOf2025, {NAME}ResultsOf2025)" in run.output
    cleanup = cleanup_command(stack)
    assert cleanup.wait() == 0, cleanup.output
    assert held(client, name) == {"entities": 2}
