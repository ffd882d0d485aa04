"""The rehearsal's gateway in front of the broker, its sidecar behind it, and how the stand-in finds its receivers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from http.client import HTTPConnection, HTTPResponse

import psutil
import pytest

from tests.support import listener as listeners
from tests.support.processes import Process, Processes
from tests.support.rehearsal import QUEUE, Broker, closed_port, eventually, of_queue

pytestmark = pytest.mark.timeout(30)


def between(processes: Processes, kind: str, *words: object) -> tuple[Process, int]:
    process = processes.start("python", "-m", f"rehearsal.{kind}", *map(str, words), name=kind)
    return process, int(process.wait_for(rf"^{kind} listening on 127.0.0.1:(\d+)$")[1])


def ask(port: int, line: str, body: str | None = None) -> HTTPResponse:
    method, path = line.split()
    with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request(method, path, body)
        return connection.getresponse()


def test_a_gateway_passes_on(processes: Processes, mongo: str) -> None:
    broker = Broker(processes, mongo, "-multiservice")
    _, broker.port = between(processes, "gateway", broker.port)
    broker.subscribe("http://127.0.0.1:9/notify")
    answer = broker.ask("GET /v2/subscriptions?options=count&limit=1")
    assert (answer.status, answer.headers["Fiware-Total-Count"]) == (200, "1")
    assert (answer.headers["Via"], answer.headers["Server"]) == ("1.1 rehearsal-gateway", "rehearsal-gateway")
    assert broker.update(7).status == 204
    assert broker.ask("POST /v2/subscriptions", "{}", {"Content-Type": "text/plain"}).status == 415


def test_a_gateway_answers_in_the_brokers_stead(processes: Processes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, closed_port() as closed:
        for behind, status in ((silent, 504), (closed, 502)):
            _, port = between(processes, "gateway", behind.getsockname()[1], "--patience", 0.5)
            assert ask(port, "GET /version").status == status


def test_a_gateway_has_a_limit(processes: Processes) -> None:
    listener = listeners.start(processes, "-delay", "0s")
    _, port = between(processes, "gateway", listener.ports[0], "--limit", 3)
    time.sleep(1.05 - time.monotonic() % 1)
    answers = [ask(port, "GET /-/stats") for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert answers[3].headers["Retry-After"] == "1"
    time.sleep(1)
    assert ask(port, "GET /-/stats").status == 200


@pytest.mark.parametrize("status", [401, 307])
def test_a_gateways_token_expires_or_it_leads_elsewhere(processes: Processes, status: int) -> None:
    listener = listeners.start(processes, "-delay", "0s")
    process, port = between(processes, "gateway", listener.ports[0], "--refuses", status)
    assert ask(port, "GET /-/stats").status == 200
    os.kill(process.pid, signal.SIGUSR1)
    process.wait_for("from now on")
    assert ask(port, "GET /-/stats").status == status


def test_a_sidecar_answers_at_once(processes: Processes) -> None:
    listener = listeners.start(processes, "-delay", "1m")
    _, port = between(processes, "mesh", listener.ports[0], "--answers", 202)
    assert ask(port, "POST /notify", "{}").status == 202
    listener.wait_until(held=1)
    assert ask(port, "GET /-/stats").status == 200, "what is no notification is passed on"
    _, port = between(processes, "mesh", listener.ports[0], "--answers", 202, "--swallows")
    assert ask(port, "POST /notify", "{}").status == 202
    assert listener.stats()["held"] == 1


def test_a_sidecar_gives_up(processes: Processes) -> None:
    listener = listeners.start(processes, "-delay", "2s")
    _, port = between(processes, "mesh", listener.ports[0], "--patience", 0.5)
    assert ask(port, "POST /notify", "{}").status == 504
    listener.wait_until(held=0, abandoned=1)
    assert ask(port, "POST /healthy", "{}").status == 200


def test_a_sidecar_sends_again(processes: Processes) -> None:
    listener = listeners.start(processes, "-delay", "1s")
    _, port = between(processes, "mesh", listener.ports[0], "--patience", 0.5, "--repeats")
    assert ask(port, "POST /notify", "{}").status == 200
    listener.wait_until(abandoned=1, received=1)


@pytest.mark.parametrize("address", ["", "127.0.0.2"])
def test_the_broker_finds_no_receiver_or_another_host(processes: Processes, mongo: str, address: str) -> None:
    listener = listeners.start(processes, "-host", "127.0.0.1", "-delay", "1m")
    broker = Broker(processes, mongo, *QUEUE, "threadpool:9:2", "--resolve", f"localhost={address}")
    broker.subscribe(f"http://localhost:{listener.ports[0]}/notify")
    broker.update(1)
    eventually(lambda: of_queue(broker, "sentError") == (1,))
    assert listener.stats()["accepted"] == 1, "by the stats alone"


def test_the_broker_connects_from_an_address(processes: Processes, mongo: str) -> None:
    listener = listeners.start(processes, "-delay", "1m")
    broker = Broker(processes, mongo, "-multiservice", "--source", "127.0.0.2")
    broker.subscribe(f"http://127.0.0.1:{listener.ports[0]}/notify")
    broker.update(1)
    listener.wait_until(held=1)
    assert [
        connection.laddr.ip
        for connection in psutil.Process(broker.process.pid).net_connections("tcp")
        if connection.raddr and connection.raddr.port == listener.ports[0]
    ] == ["127.0.0.2"]


def test_a_name_server_that_is_slow_now_and_then(processes: Processes, mongo: str) -> None:
    listener = listeners.start(processes, "-delay", "1m")
    broker = Broker(processes, mongo, *QUEUE, "threadpool:9:3", "--slow-names", "3")
    broker.subscribe(f"http://127.0.0.1:{listener.ports[0]}/notify", times=3)
    broker.update(1)
    listener.wait_until(held=2)
    time.sleep(1)
    assert listener.stats()["held"] == 2
    eventually(lambda: listener.stats()["held"] == 3, timeout=6)
