"""What peers answer is parsed once, where it arrives: another shape is one clear sentence, and a missing value."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle

import pytest

from scenario.errors import BrokerError, ListenerError
from scenario.peers import listeners
from scenario.peers.answers import Answer, WrongShapeError, parse
from scenario.peers.command_line import CommandLine, Pool
from scenario.peers.listeners import ListenerStats
from scenario.peers.ngsiv2 import Ngsiv2
from scenario.peers.statistics import BrokerStatistics, Cache
from scenario.preflight.identities import listener_ids

DEEP = "[" * 10_000 + "]" * 10_000
DEEP_OBJECT = '{"a":' * 10_000 + "1" + "}" * 10_000
ECHO = "GET /-/stats HTTP/1.1\r\nHost: localhost\r\n\r\n"
STRANGE = [
    "",
    "{}",
    "[]",
    "null",
    "7",
    '"text"',
    ECHO,
    DEEP,
    DEEP_OBJECT,
    "\ufeff{}",
    '{"held": "many"}',
    '{"held": -1}',
]
BROKER = Ngsiv2("http://localhost:1026", "service", "/path")


@pytest.mark.parametrize("text", STRANGE, ids=range(len(STRANGE)))
def test_strange_stats_are_a_sentence(text: str) -> None:
    with pytest.raises(WrongShapeError) as said:
        parse(text, ListenerStats)
    assert len(str(said.value)) < 200
    assert "\n" not in str(said.value)


@pytest.mark.parametrize(
    ("body", "queue"),
    [
        ('{"notifQueue": {"in": 9, "out": 4, "reject": 1, "sentOk": 2, "sentError": 3, "size": 5}}',
         BrokerStatistics(size=5, backlog=5, entered=9, sent_ok=2, sent_error=3, rejected=1)),
        ('{"notifQueue": {"size": 5}}', BrokerStatistics(size=5)),
        ('{"notifQueue": {"in": 4, "out": 9}}', BrokerStatistics(backlog=0, entered=4)),
        ('{"uptime_in_secs": 7}', BrokerStatistics()),
        ("{}", BrokerStatistics()),
        ('{"semWait": {"subCache": 3.5, "request": 0, "status": "on"}}',
         BrokerStatistics(sem_wait={"subCache": 3.5, "request": 0.0})),
        ('{"semWait": {"subCache": -1, "request": 1e308, "metrics": 1' + "0" * 400 + "}}", BrokerStatistics()),
    ],
)  # fmt: skip
def test_queue(body: str, queue: BrokerStatistics) -> None:
    assert BROKER.statistics_of(Answer(200, body=body)) == queue


@pytest.mark.parametrize(
    "body", ["", "[]", "7", DEEP, '{"notifQueue": 7}', '{"notifQueue": {"in": "many"}}', '{"notifQueue": {"in": -1}}']
)
def test_strange_statistics_are_a_sentence(body: str) -> None:
    with pytest.raises(BrokerError, match="200 without statistics: "):
        BROKER.statistics_of(Answer(200, body=body))


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (Answer(200, body='{"orion": {"version": "4.7.0"}}'), True),
        (Answer(200, body="{}"), True),  # forks tell other things
        (Answer(200, body="[]"), False),
        (Answer(200, body=""), False),
        (Answer(200, body=DEEP), False),
        (Answer(404, body="{}"), False),
    ],
)
def test_version(answer: Answer, right: bool) -> None:
    assert (not BROKER.version_error(answer)) is right


@pytest.mark.parametrize(
    ("version", "name"),
    [('{"orion": {"version": "4.7.0"}}', "Orion 4.7.0"), ('{"orion": 7}', '{"orion": 7}'), ("x" * 99, "x" * 80)],
)
def test_name(version: str, name: str) -> None:
    assert BROKER.name(version) == name


@pytest.mark.parametrize(
    ("number", "count"), [("7", 7), ("0", 0), ("", None), ("-1", None), ("many", None), ("\u0663", None)]
)
def test_count(number: str, count: int | None) -> None:
    assert BROKER.counted(Answer(200, {"Fiware-Total-Count": number})) == count
    assert BROKER.counted(Answer(500, {"Fiware-Total-Count": number})) is None


MODES = [
    ("-notificationMode threadpool:60000:5000", "threadpool", Pool(60000, 5000)),
    ("-notificationMode threadpool", "threadpool", Pool(100, 10)),
    ("-notificationMode threadpool:1:2,smart:3:4", "threadpool", Pool(1, 2)),
    ("-notificationMode threadpool:1:2,service:3:4", "threadpool", Pool(3, 4, own=True)),
    ("-notificationMode transient", "transient", None),
    ("-notificationMode threadpool:5000,svc", "threadpool", None),
    ("", "transient", None),
]


@pytest.mark.parametrize(("words", "mode", "pool"), MODES)
def test_notification_mode(words: str, mode: str, pool: Pool | None) -> None:
    line = CommandLine(tuple(words.split()))
    assert (line.mode, line.pool("service")) == (mode, pool)


def test_numbers_of_the_command_line() -> None:
    line = CommandLine(("contextBroker", "-httpTimeout", "x", "-maxConnections", "7", "-maxConnections", "9"))
    assert (line.http_timeout, line.max_connections, line.request_pool) == (5000, 9, 0)


class _Anything(BaseHTTPRequestHandler):
    """Answers every path with the JSON that the server was given, or with what that returns."""

    def do_GET(self) -> None:
        given = self.server.body  # type: ignore[attr-defined]
        body = (given() if callable(given) else given).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def anything() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Anything) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("body", STRANGE, ids=range(len(STRANGE)))
def test_whatever_a_peer_answers(anything: ThreadingHTTPServer, body: str) -> None:
    anything.body = body  # type: ignore[attr-defined]
    address = f"127.0.0.1:{anything.server_port}"
    broker = Ngsiv2(f"http://{address}", "service", "/path")
    assert listeners.stats(address) is None
    with pytest.raises(ListenerError, match=r"does not take POST /-/release: HTTP 200"):
        listeners.release(address)
    assert broker.ask_cache() is None
    with pytest.raises(BrokerError, match="did not count the subscriptions"):
        broker.ask_count()


def test_cache(anything: ThreadingHTTPServer) -> None:
    anything.body = json.dumps({"refresh": 3, "items": 7, "ids": ""})  # type: ignore[attr-defined]
    assert Ngsiv2(f"http://127.0.0.1:{anything.server_port}", "service", "/path").ask_cache() == Cache(3, 7)


def test_listeners_that_take_turns_behind_one_name_are_told_apart(anything: ThreadingHTTPServer) -> None:
    stats = {"held": 0, "accepted": 0, "received": 0, "out_of_descriptors": 0, "abandoned": 0, "delay": 1, "timeout": 1}
    anything.ids = cycle(["a", "b"])  # type: ignore[attr-defined]
    anything.body = lambda: json.dumps({**stats, "limits": {"nofile_soft": 9}, "id": next(anything.ids)})  # type: ignore[attr-defined]
    assert listener_ids(f"127.0.0.1:{anything.server_port}") == ("a", "b")


@pytest.mark.slow
def test_a_receiver_that_answers_everything_late_is_another_kind() -> None:
    """The original's listener keeps GET /-/stats waiting for as long as a notification."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert listeners.stats(f"127.0.0.1:{server.getsockname()[1]}") is None
