"""The rehearsal broker's notifications, its queue, and the faults it can be given, with true descriptors."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from itertools import pairwise
from typing import Any

import psutil
import pytest
from pymongo import MongoClient

from tests.support.processes import Processes
from tests.support.rehearsal import OK, POOL, QUEUE, Broker, Listener, closed_port, eventually, of_queue
from tests.support.stack import start_mongo

pytestmark = pytest.mark.timeout(30)


def test_a_notification_is_orions(processes: Processes, mongo: str, listener: Listener) -> None:
    broker = Broker(processes, mongo, "-multiservice")
    broker.subscribe(listener.url)
    correlator = broker.update(9).headers["Fiware-Correlator"]
    eventually(lambda: len(listener.requests) == 1)
    head, _, body = listener.requests[0].decode().partition("\r\n\r\n")
    assert head.split("\r\n") == [
        "POST /notify HTTP/1.1",
        f"Host: localhost:{listener.port}",
        "User-Agent: orion/3.10.1 libcurl/7.88.1",
        f"Fiware-Service: {broker.service}",
        "Fiware-Servicepath: /test",
        "Accept: application/json",
        "Content-Length: 143",
        "Content-Type: application/json; charset=utf-8",
        f"Fiware-Correlator: {correlator}; cbnotif=1",
        "Ngsiv2-AttrsFormat: normalized",
    ]
    assert re.fullmatch(
        r'\{"subscriptionId":"[0-9a-f]{24}","data":\[\{"id":"Bcn-Welt","type":"Thing",'
        r'"temperature":\{"type":"Number","value":9,"metadata":\{\}\}\}\]\}',
        body,
    )


def test_who_is_notified(processes: Processes, mongo: str, listener: Listener) -> None:
    broker = Broker(processes, mongo, "-multiservice", "-notificationMode", "threadpool:99:9")
    listener.release()

    def subscribe(name: str, entity: dict[str, str], path: str = "/test", watched: str = "temperature") -> None:
        broker.headers["Fiware-ServicePath"] = path
        broker.subscribe(f"{listener.url}/{name}", entities=[entity], condition={"attrs": [watched]})
        broker.headers["Fiware-ServicePath"] = "/test"

    subscribe("pattern", {"idPattern": "^Bcn"})
    subscribe("id", {"id": "Bcn-Welt"})
    subscribe("type", {"idPattern": ".*", "type": "Thing"})
    subscribe("type-pattern", {"idPattern": ".*", "typePattern": "^Th"})
    subscribe("below", {"idPattern": ".*"}, path="/#")
    for wrong in ({"idPattern": "^Mad"}, {"id": "Bcn"}, {"idPattern": ".*", "type": "Room"}):
        subscribe("wrong", wrong)
    subscribe("wrong", {"idPattern": ".*"}, path="/other")
    subscribe("wrong", {"idPattern": ".*"}, watched="pressure")
    broker.update(1)
    broker.update(1)  # the same value triggers nothing
    expected = ["below", "id", "pattern", "type", "type-pattern"]
    eventually(lambda: _names(listener) == expected)
    broker.update(2)
    eventually(lambda: _names(listener) == sorted(expected * 2))
    broker.update(3, {"Fiware-Service": f"{broker.service}_other"})
    assert _names(listener) == sorted(expected * 2)


def _names(listener: Listener) -> list[str]:
    return sorted(request.split()[1].decode().removeprefix("/notify/") for request in listener.requests)


def test_close_wait_stays_until_the_workers_next_use(processes: Processes, mongo: str, listener: Listener) -> None:
    broker = Broker(processes, mongo, *QUEUE, "threadpool:60000:50")
    rest = broker.descriptors()
    broker.subscribe(listener.url, 50)
    broker.update(1)
    eventually(lambda: len(listener.requests) == 50)
    broker.wait_for_connections(POOL + 50)
    assert broker.descriptors() == rest + 3 * 50
    listener.release()
    broker.wait_for_connections(50, psutil.CONN_CLOSE_WAIT)
    eventually(lambda: of_queue(broker, "in", "out", "sentOk", "sentError") == (50, 50, 50, 0))
    time.sleep(2)
    broker.wait_for_connections(50, psutil.CONN_CLOSE_WAIT)
    assert broker.descriptors() == rest + 3 * 50
    broker.update(2)
    eventually(lambda: of_queue(broker, "sentOk", "sentError") == (100, 0))
    assert listener.accepted == 100


def test_a_connection_the_listener_keeps_is_used_again(processes: Processes, mongo: str) -> None:
    with Listener(close=False).running() as listener:
        broker = Broker(processes, mongo, *QUEUE, "threadpool:60:1")
        listener.release()
        broker.subscribe(listener.url, 20)
        broker.update(1)
        eventually(lambda: of_queue(broker, "sentOk") == (20,))
        assert listener.accepted == 1


def test_http_timeout(processes: Processes, mongo: str, listener: Listener) -> None:
    broker = Broker(processes, mongo, *QUEUE, "threadpool:60000:20", "-httpTimeout", 1000)
    broker.subscribe(listener.url, 20)
    broker.update(1)
    eventually(lambda: len(listener.requests) == 20, timeout=1)
    assert of_queue(broker, "sentError") == (0,)
    eventually(lambda: of_queue(broker, "sentOk", "sentError") == (0, 20), timeout=3)
    broker.wait_for_connections(POOL)
    broker.wait_for_connections(0, psutil.CONN_CLOSE_WAIT)


def test_a_listener_that_closes_without_an_answer(processes: Processes, mongo: str) -> None:
    with Listener(answer=b"").running() as listener:
        broker = Broker(processes, mongo, *QUEUE, "threadpool:60000:20")
        broker.subscribe(listener.url, 20)
        broker.update(1)
        listener.release()
        eventually(lambda: of_queue(broker, "sentOk", "sentError") == (0, 20))
        broker.wait_for_connections(POOL)


LEAKS = {
    "fds": ["fds"],
    "threads": ["threads"],
    "memory": ["rss"],
    "connections": ["connections", "fds"],
    "none": [],
}


@pytest.mark.parametrize(
    ("kind", "answer", "close"),
    [*((kind, OK, True) for kind in LEAKS), ("fds", b"", True), ("connections", b"", True), ("connections", OK, False)],
)
def test_a_leak_grows_with_each_notification(
    processes: Processes, mongo: str, kind: str, answer: bytes, close: bool
) -> None:
    with Listener(answer, close).running() as listener:
        listener.release()
        leak = [] if kind == "none" else ["--leak", kind]
        broker = Broker(processes, mongo, *QUEUE, "threadpool:60000:40", "--old-libcurl", *leak)
        broker.subscribe(listener.url, 40)
        seen = [_figures(broker, update) for update in (1, 2, 3, 4)]
    for before, after in pairwise(seen[1:]):  # at the first its workers take what they keep
        for name, figure in after.items():
            expected = 40 if name in LEAKS[kind] else 0
            assert abs(figure - before[name] - expected) < 10, (name, seen)


def _figures(broker: Broker, update: int) -> dict[str, float]:
    """Return what the broker's process holds when the notifications of an update have ended."""
    broker.update(update)
    eventually(lambda: sum(of_queue(broker, "sentOk", "sentError")) == 40 * update)
    process = psutil.Process(broker.process.pid)
    return {
        "fds": process.num_fds(),
        "threads": process.num_threads(),
        "rss": process.memory_info().rss / 65536,  # as many bytes are left per notification
        "connections": len(process.net_connections("tcp")),
    }


def test_a_bare_leak_is_one_of_descriptors(processes: Processes, mongo: str) -> None:
    with closed_port() as closed:
        broker = Broker(processes, mongo, *QUEUE, "threadpool:9:1", "--old-libcurl", "--leak")
        rest = broker.descriptors()
        broker.subscribe(f"http://127.0.0.1:{closed.getsockname()[1]}/notify", 5)
        broker.update(1)
        eventually(lambda: of_queue(broker, "sentError") == (5,))
        eventually(lambda: broker.descriptors() == rest + 5)


def test_a_listener_that_is_down(processes: Processes, mongo: str) -> None:
    with closed_port() as closed:
        broker = Broker(processes, mongo, *QUEUE, "threadpool:60000:20")
        rest = broker.descriptors()
        broker.subscribe(f"http://localhost:{closed.getsockname()[1]}/notify", 20)
        broker.update(1)
        eventually(lambda: of_queue(broker, "sentOk", "sentError") == (0, 20))
        eventually(
            lambda: rest + 2 <= broker.descriptors() <= rest + 2 * 20
        )  # libcurl's pair of each worker that was used


@pytest.mark.parametrize(
    ("pool", "expected"), [("threadpool:600:10", (200, 10, 0)), ("threadpool:10:10", (20, 10, 180))]
)
def test_a_pool_that_is_too_small(
    processes: Processes, mongo: str, listener: Listener, pool: str, expected: tuple[int, int, int]
) -> None:
    broker = Broker(processes, mongo, *QUEUE, pool)
    broker.subscribe(listener.url, 200)
    broker.update(1)
    eventually(lambda: of_queue(broker, "in", "out", "reject") == expected)
    queue = broker.queue()
    assert queue["size"] < queue["in"] - queue["out"]  # the size when a worker last took, not the queue now
    assert queue["avgTimeInQueue"] == pytest.approx(queue["timeInQueue"] / queue["out"], abs=1e-6)
    broker.wait_for_connections(POOL + 10)


@pytest.mark.parametrize(("mode", "held"), [("transient", 30), ("persistent", 1)])
def test_modes_without_a_queue(processes: Processes, mongo: str, listener: Listener, mode: str, held: int) -> None:
    broker = Broker(processes, mongo, *QUEUE, mode)
    rest = broker.descriptors()
    broker.subscribe(listener.url, 30)
    broker.update(1)
    eventually(lambda: len(listener.requests) == held)
    broker.wait_for_connections(POOL + held)
    assert broker.descriptors() == rest + 3 * held
    assert b"notifQueue" not in broker.ask("GET /statistics").body
    listener.release()
    eventually(lambda: len(listener.requests) == 30)
    if mode == "transient":
        eventually(lambda: broker.descriptors() == rest)


def test_the_cache_outlives_the_database(processes: Processes, mongo: str, listener: Listener) -> None:
    broker = Broker(processes, mongo, *QUEUE, "threadpool:60000:10", "-subCacheIval", 3)
    before = broker.cache()
    broker.subscribe(listener.url, 5)
    with MongoClient[Any](mongo) as client:
        client.drop_database(f"orion-{broker.service}")
    assert broker.total() == 0
    broker.update(1)
    eventually(lambda: len(listener.requests) == 5, timeout=2)
    eventually(lambda: broker.cache()["refresh"] > before["refresh"])
    eventually(lambda: broker.cache()["items"] == before["items"])
    assert broker.cache()["removes"] == before["removes"] + 5
    broker.update(2)
    assert of_queue(broker, "in") == (5,)


def test_a_refresh_after_notifications_holds_up_updates(processes: Processes, listener: Listener) -> None:
    hold = ("-statSemWait", "-subCacheIval", 1, "--refresh-hold", 1000)  # where half of all that is stored has changed
    broker = Broker(processes, start_mongo(processes), *QUEUE, "threadpool:60000:10", *hold)
    broker.subscribe(listener.url, 5)
    assert broker.statistics()["semWait"]["subCache"] < 0.1
    took = []
    for value in range(40):  # of 0.1 s each, if no refresh comes between
        began = time.monotonic()
        broker.update(value)
        took.append(time.monotonic() - began)
        if took[-1] > 0.5:
            break
        time.sleep(0.1)
    assert took[-1] > 0.5
    assert broker.statistics()["semWait"]["subCache"] > 0.8 * took[-1]


def test_the_fault_of_select(processes: Processes, mongo: str, listener: Listener) -> None:
    broker = Broker(processes, mongo, *QUEUE, "threadpool:60000:350", "--legacy-select")
    broker.subscribe(listener.url, 350)
    with socket.create_connection(("127.0.0.1", broker.port)) as early:
        broker.update(1)
        eventually(lambda: len(listener.requests) == 350)
        assert broker.descriptors() > 1024
        eventually(lambda: _answers(broker))  # over the descriptor that the update gave back
        idle = [socket.create_connection(("127.0.0.1", broker.port)) for _ in range(5)]
        with pytest.raises(ConnectionError):
            broker.ask("GET /version")
        early.sendall(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
        assert early.recv(15) == b"HTTP/1.1 200 OK"
        for connection in idle:
            connection.close()
        eventually(lambda: _answers(broker))


def _answers(broker: Broker) -> bool:
    with contextlib.suppress(ConnectionError):
        return broker.ask("GET /version").status == 200
    return False


def test_no_descriptor_left(processes: Processes, mongo: str) -> None:
    with Listener(answer=b"").running() as listener:
        broker = Broker(processes, mongo, *QUEUE, "threadpool:60000:100", "--nofile", 200)
        broker.subscribe(listener.url, 100)
        broker.update(1)
        eventually(lambda: 50 < len(listener.requests) < 100)
        idle = [socket.create_connection(("127.0.0.1", broker.port)) for _ in range(5)]
        eventually(lambda: broker.descriptors() == 200)
        with pytest.raises(TimeoutError):
            broker.ask("GET /version", timeout=2.5)
        assert psutil.Process(broker.process.pid).cpu_percent(0.5) < 50
        assert 1 <= broker.process.output.count("cannot accept a connection: Too many open files") <= 5
        assert "Traceback" not in broker.process.output
        listener.release()
        eventually(lambda: of_queue(broker, "sentOk", "sentError") == (0, 100))
        for connection in idle:
            connection.close()
