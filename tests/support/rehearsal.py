"""The rehearsal broker for its tests, and a listener that holds notifications until it is told to answer."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import NamedTuple

import psutil
import pytest

from tests.support.processes import Processes

Json = dict[str, object]
QUEUE = ("-multiservice", "-statNotifQueue", "-httpTimeout", 60000, "-notificationMode")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
POOL = 11  # connections at rest: 10 of the pool, 1 monitor


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Broker:
    """A rehearsal broker of its own service, under a process name of its own."""

    def __init__(self, processes: Processes, mongo: str, *options: str | int, before: list[str] | None = None) -> None:
        self.service = f"t{uuid.uuid4().hex[:10]}"
        self.headers = {"Fiware-Service": self.service, "Fiware-ServicePath": "/test"}
        command = ("python", "-m", "rehearsal", "-port", 0, "-dbhost", mongo, "--name", self.service)
        self.process = processes.start(*(before or []), *command, *options, name="broker")
        self.port = int(self.process.wait_for(r"^contextBroker \(rehearsal\) listening on 127.0.0.1:(\d+)$")[1])

    def ask(self, line: str, body: object = None, headers: dict[str, str] | None = None, timeout: float = 10) -> Answer:
        """One request ("GET /version") over a connection of its own."""
        method, path = line.split()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            text = body if isinstance(body, str | None) else json.dumps(body)
            usual = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, text, self.headers | usual | (headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def subscribe(self, url: str, times: int = 1, **subject: object) -> None:
        """Create subscriptions over one connection, by default to all entities."""
        body = json.dumps(subscription(url, **subject))
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        for _ in range(times):
            connection.request("POST", "/v2/subscriptions", body, self.headers | {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 201
        connection.close()

    def update(self, value: object, headers: dict[str, str] | None = None, query: str = "") -> Answer:
        entity = {"id": "Bcn-Welt", "temperature": {"value": value}}
        answer = self.ask(f"POST /v2/op/update{query}", {"actionType": "APPEND", "entities": [entity]}, headers)
        assert answer.status == 204
        return answer

    def statistics(self) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = json.loads(self.ask("GET /statistics").body)
        return found

    def queue(self) -> dict[str, float]:
        return self.statistics()["notifQueue"]

    def cache(self) -> dict[str, int]:
        found: dict[str, int] = json.loads(self.ask("GET /cache/statistics").body)
        return found

    def total(self) -> int:
        answer = self.ask("GET /v2/subscriptions?limit=1&options=count", headers={"Fiware-ServicePath": "/#"})
        return int(answer.headers["Fiware-Total-Count"])

    def wait_for_connections(self, number: int, status: str = psutil.CONN_ESTABLISHED) -> None:
        """Wait for a number of connections: one reading of /proc/net/tcp can miss some on a busy host."""
        process = psutil.Process(self.process.pid)
        eventually(lambda: sum(found.status == status for found in process.net_connections("tcp")) == number)

    def descriptors(self) -> int:
        return psutil.Process(self.process.pid).num_fds()


def subscription(url: str, **subject: object) -> Json:
    return {"subject": subject or {"entities": [{"idPattern": ".*"}]}, "notification": {"http": {"url": url}}}


def eventually(holds: Callable[[], bool], timeout: float = 10) -> None:
    """Wait until `holds` returns true. Fail after `timeout` s."""
    end = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < end, "did not come to hold"
        time.sleep(0.02)


def closed_port() -> socket.socket:
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    return held


def of_queue(broker: Broker, *names: str) -> tuple[float, ...]:
    queue = broker.queue()
    return tuple(queue[name] for name in names)


class Listener:
    """Holds each notification until `release`, then sends `answer` (empty: none), and closes if asked to."""

    def __init__(self, answer: bytes = OK, close: bool = True) -> None:
        self.answer, self.close = answer, close
        self.requests: list[bytes] = []
        self.accepted = 0
        self._loop = asyncio.new_event_loop()
        self._go = asyncio.Event()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://localhost:{self.port}/notify"

    @contextlib.contextmanager
    def running(self) -> Iterator[Listener]:
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._socket.close()

    def release(self) -> None:
        self._loop.call_soon_threadsafe(self._go.set)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, sock=self._socket))
        self._loop.run_forever()
        server.close()  # nobody comes any more
        under_way = asyncio.all_tasks(self._loop)
        for task in under_way:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*under_way, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"Content-Length: (\d+)", head)
                assert length
                self.requests.append(head + await reader.readexactly(int(length[1])))
                await self._go.wait()
                writer.write(self.answer)
                if self.close:
                    break
        writer.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener().running() as running:
        yield running
