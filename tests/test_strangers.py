"""A stranger as worker is sent no secret; a hostile broker's answer reaches no log, terminal, CSV or page as it is."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import locust
from locust.rpc import Message, zmqrpc

import gevent
import pytest

from scenario.outputs.page import PLOTLY_JS
from tests.support.processes import Process
from tests.support.stack import Stack, free_port

INCONCLUSIVE = 4
SECRETS = ("t0ken", "hunter2")
OPTIONS = ("--mongo", "mongodb://me:hunter2@127.0.0.1:1", "--no-reset")
TERMINAL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"
BODY = f"{TERMINAL}=1+1\r\n2026-01-01 | INFO | Verdict: PASS\x00 <script>alert(1)</script> mongodb://me:hunter2@db"


class Stranger:
    """Says to be a worker of the master at a port."""

    def __init__(self, port: int) -> None:
        self.client = zmqrpc.Client("127.0.0.1", port, "stranger")
        self.received: list[Message] = []
        self.send("client_ready", locust.__version__)

    def send(self, kind: str, data: object) -> None:
        self.client.send(Message(kind, data, "stranger"))

    def wait_for(self, kind: str) -> Message:
        """Return the first message of a kind."""
        with gevent.Timeout(30):
            while True:
                self.send("heartbeat", {"state": "ready", "current_cpu_usage": 0, "current_memory_usage": 0})
                self.received.append(self.client.recv())
                if self.received[-1].type == kind:
                    return self.received[-1]


@pytest.fixture
def fleet(stack: Stack) -> Iterator[tuple[Process, Stranger]]:
    """A master in its run, and the stranger that is its only worker."""
    port = free_port()
    bound = ("--master-bind-host", "127.0.0.1", "--master-bind-port", port)
    options = stack.start().options("--master", "--expect-workers", 1, *bound, "--no-connection-info", *OPTIONS)
    master = stack.locust_process("--headless", *options, env={"LOCUST_INSPECTOR_TOKEN": "t0ken"})
    master.wait_for("Waiting for workers to be ready, 0 of 1 connected")
    stranger = Stranger(port)
    yield master, stranger
    stranger.client.close(0)


def test_stranger_as_worker_gets_no_secret(fleet: tuple[Process, Stranger]) -> None:
    master, stranger = fleet
    stranger.wait_for("spawn")
    assert {"connections_run", "spawn"} <= {message.type for message in stranger.received}
    sent = [message.serialize() for message in stranger.received]
    assert not [word for word in SECRETS if any(word.encode() in data for data in sent)]
    assert b"inspector_token" not in sent[-1], "what each worker has of its own stays"
    assert not [word for word in SECRETS if word in master.output]


def test_stranger_as_worker_opens_no_file_and_ends_no_run(fleet: tuple[Process, Stranger], tmp_path: Path) -> None:
    master, stranger = fleet
    run = stranger.wait_for("connections_run").data
    keys = tmp_path / "authorized_keys"
    keys.write_text("mine\n")
    found = {"options": {**run["options"], "report_log": str(keys), "connections_report": str(keys)}}
    passed = {"outcome": "PASS", "reasons": [], "exit_code": 0}
    for kind, record in (("Found", found), ("Accepted", {}), ("Verdict", passed), ("RunEnded", {}), ("no kind", {})):
        stranger.send("connections_record", {"run": run["run"], "kind": kind, "record": record})
    malformed: tuple[object, ...] = (None, [], {}, {"run": run["run"]}, {"run": 1, "kind": [], "record": "x"})
    for data in malformed:
        stranger.send("connections_record", data)
    assert master.wait(60) == INCONCLUSIVE, master.output
    assert keys.read_text() == "mine\n"
    assert "Verdict: PASS" not in master.output
    assert "Uncaught exception" not in master.output


class _HostileBroker(BaseHTTPRequestHandler):
    """Takes everything; what it says of its version a terminal, a spreadsheet or a page would obey."""

    protocol_version = "HTTP/1.1"
    subscriptions = 0
    versions = 0

    def do_GET(self) -> None:
        if self.path.startswith("/v2/subscriptions"):
            self._answer(200, "[]", {"Fiware-Total-Count": str(type(self).subscriptions)})
            return
        type(self).versions += 1
        if self.versions == 1:  # the preflight's
            self._answer(200, json.dumps({"orion": {"version": f"=1+1{TERMINAL}mongodb://me:hunter2@db"}}))
        else:
            self._answer(500, BODY)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v2/subscriptions":
            type(self).subscriptions += 1
            self._answer(201, "", {"Location": f"/v2/subscriptions/{self.subscriptions}"})
        else:
            self._answer(204, "")

    def _answer(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def hostile() -> Iterator[str]:
    """URL of the hostile broker."""
    _HostileBroker.subscriptions = _HostileBroker.versions = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), _HostileBroker) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_answers_are_data(stack: Stack, hostile: str, tmp_path: Path) -> None:
    stack.broker_port = stack.inspector_port = stack.listener_port = str(free_port())
    report = tmp_path / "run.html"
    off = ("--no-reset", "--no-connection-info", "--no-queue-size", "--force", "--idle-connections", 0)
    small = ("--subscriptions", 2, "--duration", "5s", "--connections-report", report)
    run = stack.locust("--host", hostile, *off, *small, "--mongo", "mongodb://me:hunter2@db")
    assert run.wait(60) == 1, run.output
    files = [path for path in [*sorted(tmp_path.glob("run*")), stack.report_log] if path.is_file()]
    assert {"run_connections.csv", "run_evidence.txt", "run_failures.csv", "run_run.jsonl", "run.html"} < {
        path.name for path in files
    }
    texts = {path.name: path.read_bytes().decode() for path in files} | {"console": run.output}
    texts["run.html"] = texts["run.html"].replace(PLOTLY_JS.read_text(encoding="utf-8"), "")
    for name, text in texts.items():
        assert "hunter2" not in text, name
        assert not re.search("[\x00-\x08\x0e-\x1f\x7f-\x9f\u202e]", text), name
        assert not re.search(r"^2026-01-01", text, re.MULTILINE), f"{name}: a line that is none of ours"
        if name.endswith(".csv"):
            cells = [cell for line in csv.reader(text.splitlines()) for cell in line]
            assert not [cell for cell in cells if re.match(r"[=+@]|-(?!\d+$)", cell)], name
    assert "<script>alert" not in texts["run.html"]
    assert "HTTP 500  ]0;owned [2J 31m =1+1 2026-01-01" in texts["run_connections.csv"]
    assert "HTTP 500" in texts["run_failures.csv"]
    assert stack.rows()


def test_preflight_tells_no_password(stack: Stack) -> None:
    stack.broker_port = stack.inspector_port = stack.listener_port = str(free_port())
    run = stack.locust("--preflight-only", "--mongo", "mongodb://me:hunter2@127.0.0.1:1", "--inspector-token", "t0ken")
    assert run.wait(60) == 3
    assert "(--mongo) failed" in run.output
    assert not [word for word in SECRETS if word in run.output]
