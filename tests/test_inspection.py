"""The client against real inspectors: ours, rpyc_classic, hanging ones and none."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
import rpyc
from rpyc.utils.server import ThreadedServer

from scenario.errors import InspectionError
from scenario.peers.failures import Kind
from scenario.peers.inspection import Inspection, Remote
from scenario.peers.inspector import Inspector
from tests.support.inspector import SCRIPT, Target, inspection, start
from tests.support.processes import Processes


def test_an_inspection_is_one_round_trip(processes: Processes, target: Target) -> None:
    _, port = start(processes, name=target.name)
    inspector = Inspector("127.0.0.1", port, target.port, ["127.0.0.1:80"])
    assert inspector.inspect().pid == target.process.pid
    sent = inspector._connection._seqcounter
    before = next(sent)
    assert inspector.inspect().states == {"LISTEN": 1}
    assert next(sent) == before + 2
    assert "(LISTEN)" in inspector.evidence()
    inspector.close()


def test_a_restarted_broker_is_found_again(processes: Processes, target: Target, tmp_path: Path) -> None:
    _, port = start(processes, name=target.name)
    inspector = Inspector("127.0.0.1", port, target.port)
    first = inspector.inspect()
    os.kill(target.process.pid, signal.SIGKILL)
    target.process.wait(10)
    with pytest.raises(InspectionError, match="no process on") as gone:
        inspector.inspect()
    assert gone.value.kind == Kind.NO_PROCESS
    again = Target(processes, tmp_path)
    second = inspector.inspect()
    assert (first.pid, second.pid) == (target.process.pid, again.process.pid)
    assert second.started != first.started
    inspector.close()


def test_a_killed_inspector_is_found_again(processes: Processes, target: Target) -> None:
    process, port = start(processes, name=target.name)
    inspector = Inspector("127.0.0.1", port, target.port)
    inspector.inspect()
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    for reason in ("closed the connection", "cannot be reached: Connection refused"):
        with pytest.raises(InspectionError, match=reason):
            inspector.inspect()
    again = processes.start("python", SCRIPT, "--port", port, "--process-name", target.name)
    again.wait_for("listening on")
    assert inspector.inspect().pid == target.process.pid
    inspector.close()


@pytest.mark.parametrize("answer", [b"", b"\0\0\1\0\0half"], ids=["nothing", "half an answer"])
def test_a_hanging_inspector_costs_two_seconds(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as held:

        def take() -> None:
            held.enter_context(server.accept()[0]).sendall(answer)

        taker = threading.Thread(target=take)
        taker.start()
        began = time.monotonic()
        with pytest.raises(InspectionError, match="did not answer within 2 s"):
            Inspector("127.0.0.1", server.getsockname()[1], 1).inspect()
        assert 1.8 < time.monotonic() - began < 2.7
        taker.join(5)


def test_a_full_backlog_costs_at_most_two_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        taken = [socket.socket() for _ in range(3)]
        for one in taken:
            one.setblocking(False)
            one.connect_ex(server.getsockname())
        began = time.monotonic()
        with pytest.raises(InspectionError, match="did not answer"):
            Inspector("127.0.0.1", server.getsockname()[1], 1).inspect()
        assert time.monotonic() - began < 2.7
        for one in taken:
            one.close()


RIGHT = msgspec.to_builtins(inspection())


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("", "Input data was truncated"),
        ("{}", "missing required field `states`"),
        ("[]", "Expected `object`, got `array`"),
        ('["x", 1, []]', "Expected `object`"),  # an echo
        ('{"error": 5}', "Expected `str`, got `int` - at `$.error`"),
        ({**RIGHT, "fds": "60"}, "Expected `int`, got `str` - at `$.fds`"),
        ({**RIGHT, "fds": -1}, "Expected `int` >= 0 - at `$.fds`"),
        ({**RIGHT, "states": {"ESTABLISHED": 1.5}}, "Expected `int`, got `float`"),
        ({**RIGHT, "ephemeral_ports": [1]}, "Expected `array` of length 2"),
        ("[" * 10_000, "got `array`"),
        ('{"x":' + "[" * 10_000, "nested too deeply"),
        (b"{}", "bytes instead of text"),
        (7, "int instead of text"),
        (inspection, "instead of text"),  # stays there, the client gets a proxy
        (os.urandom(100_000).hex(), "bytes instead of at most 100000"),
        ('{"error": "no process"}', "says: no process"),
    ],
)
def test_what_is_no_inspection_is_one_sentence(answer: object, sentence: str) -> None:
    class Service(rpyc.Service):  # type: ignore[misc]
        def exposed_inspect(self, *_: object) -> object:
            return json.dumps(answer) if isinstance(answer, dict) else answer

    server = ThreadedServer(Service, hostname="127.0.0.1", port=0, protocol_config={"allow_pickle": False})
    server.listener.listen()
    serving = threading.Thread(target=server.start)
    serving.start()
    try:
        inspector = Inspector("127.0.0.1", server.port, 1)
        with pytest.raises(InspectionError, match=r"^the inspector at 127\.0\.0\.1:\d+ .*" + re.escape(sentence)):
            inspector.inspect()
        with pytest.raises(InspectionError):
            inspector.evidence()
        while server.clients:  # its threads would miss their sockets
            time.sleep(0.01)
    finally:
        server.close()
        serving.join(5)


def test_an_inspection_is_recorded_and_read_back() -> None:
    assert msgspec.json.decode(msgspec.json.encode(inspection()), type=Inspection) == inspection()


def test_rpyc_classic_gets_the_source_and_a_warning(
    processes: Processes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = Target(processes, tmp_path, "contextBroker")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    classic = processes.start(Path(sys.executable).with_name("rpyc_classic"), "--host", "127.0.0.1", "-p", port)
    classic.wait_for("server started")
    inspector = Inspector("127.0.0.1", port, target.port)
    with caplog.at_level(logging.WARNING, "scenario.peers.inspector"):
        for _ in range(2):
            assert inspector.inspect().pid == target.process.pid
        inspector.close()
        assert inspector.inspect().states == {"LISTEN": 1}
        assert "the first free one: " in inspector.evidence()
    assert [record.message.partition(" gives ")[2] for record in caplog.records] == [
        "a shell to everyone who reaches its port"
    ]
    inspector.close()


@pytest.mark.parametrize(
    ("command_line", "count"),
    [
        ("contextBroker", 3),
        ("contextBroker -dbhost mongo", 3),
        ("contextBroker -dbhost mongo:27018", 5),
        ("contextBroker -dbhost a:27017,b:27018 -rplSet rs0", 8),
        ("contextBroker -dbURI mongodb://mongo:27018/?replicaSet=rs0", 5),
        ("contextBroker -dbURI mongodb://mongo/orion", 3),
        ("contextBroker -dbURI mongodb://[::1]:27018", 5),
    ],
)
def test_connections_to_the_database_are_told_by_its_port(command_line: str, count: int) -> None:
    others = [Remote(ip="10.0.0.1", port=port, states={"ESTABLISHED": n, "CLOSE_WAIT": 9}) for port, n in SERVERS]
    seen = inspection(command_line=tuple(command_line.split()), others=tuple(others))
    assert seen.to_database == count


@pytest.mark.parametrize(
    ("addresses", "count"),
    [
        ({}, 7),  # an older inspector tells none
        ({"a:1": ("10.0.0.1",), "b:1": ("10.0.0.2", "::1")}, 7),
        ({"a:1": ("10.0.0.1",), "b:1": ()}, None),  # some of the connections may lead there
    ],
)
def test_connections_to_a_listener_whose_address_is_unknown_are_not_measured(
    addresses: dict[str, tuple[str, ...]], count: int | None
) -> None:
    seen = inspection(to_listeners={"ESTABLISHED": 7}, listener_addresses=addresses)
    assert seen.to_listeners_in("ESTABLISHED") == count
    assert seen.to_listeners_in("SYN_SENT") == (None if count is None else 0)


SERVERS = ((27017, 3), (27018, 5), (1028, 100))
