"""The inspector beside psutil: the same numbers in the same moment, on real sockets."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.support.processes import ROOT

sys.path.insert(0, str(ROOT / "setup_scripts"))  # from where it is copied
from inspector.answer import inspect
from inspector.broker import Broker
from inspector.names import Names

# A process that does with its sockets what its input says, a line a step, and answers each line with its own
PUPPET = """
import os, socket, sys
held = []
def listener(family, host):
    s = socket.socket(family); s.bind((host, 0)); s.listen(0); held.append(s); return s.getsockname()[1]
def connect(family, host, port):
    s = socket.socket(family); s.setblocking(False); s.connect_ex((host, port)); held.append(s)
def accept(n): held.append(held[n].accept()[0])
def half(n): held[n].shutdown(socket.SHUT_WR)
def close(n): held[n].close()
def dup(n): held.append(held[n].dup())
def attempt(f, n):
    try: f(n)
    except (OSError, AttributeError): pass  # a closed one, or a pipe
def pipe(): held.extend(os.fdopen(fd) for fd in os.pipe())
def idle(): held.append(socket.socket())
for line in sys.stdin:
    print(eval(line), flush=True)
"""


class Puppet:
    """A process that is told which sockets to open and close."""

    def __init__(self) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-c", PUPPET], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.process = psutil.Process(self.popen.pid)

    def tell(self, step: str) -> str:
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        self.popen.stdin.write(step + "\n")
        self.popen.stdin.flush()
        return self.popen.stdout.readline().strip()

    def close(self) -> None:
        self.popen.kill()
        self.popen.communicate(timeout=10)


@pytest.fixture
def puppet() -> Iterator[Puppet]:
    running = Puppet()
    yield running
    running.close()


def by_psutil(process: psutil.Process) -> Counter[str]:
    return Counter(c.status for c in process.net_connections(kind="tcp"))


def settled(broker: Broker, listeners: frozenset[tuple[str, int]] = frozenset()) -> dict[str, Any]:
    """Return a sample that the kernel did not change meanwhile: psutil's count is the same before and after."""
    for _ in range(50):
        before = by_psutil(broker.process)
        seen = broker.sample(listeners)
        if before == by_psutil(broker.process):
            assert seen["states"] == before
            assert seen["fds"] == broker.process.num_fds()
            low = sum(int(fd.name) < 1024 for fd in Path(f"/proc/{broker.process.pid}/fd").iterdir())
            assert seen["free_below_1024"] == 1024 - low
            return seen
        time.sleep(0.01)
    raise AssertionError("the sockets do not come to rest")


FAMILIES = pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["IPv4", "IPv6"]
)


@FAMILIES
@pytest.mark.parametrize("by_kernel", [True, False], ids=["kernel", "psutil"])
def test_every_state_is_counted_as_psutil_does(
    puppet: Puppet, family: socket.AddressFamily, host: str, by_kernel: bool
) -> None:
    with ExitStack() as opened:
        receiver = opened.enter_context(socket.create_server((host, 0), family=family))
        full = opened.enter_context(socket.create_server((host, 0), family=family, backlog=0))
        full_port = full.getsockname()[1]
        own_port = int(puppet.tell(f"listener({family:d}, {host!r})"))
        broker = Broker(puppet.process, own_port)
        assert broker.by_kernel
        broker.by_kernel = by_kernel
        ends = []
        for _ in range(6):  # the puppet's 1 to 6
            puppet.tell(f"connect({family:d}, {host!r}, {receiver.getsockname()[1]})")
            ends.append(opened.enter_context(receiver.accept()[0]))
        for _ in range(3):  # 7 to 9: beyond the backlog they stay SYN_SENT
            puppet.tell(f"connect({family:d}, {host!r}, {full.getsockname()[1]})")
        opened.enter_context(socket.create_connection((host, own_port)))
        puppet.tell("accept(0)")
        ends[0].close()  # CLOSE_WAIT
        ends[1].shutdown(socket.SHUT_WR)  # CLOSE_WAIT
        puppet.tell("half(3)")  # FIN_WAIT2
        ends[3].close()
        puppet.tell("half(4)")  # LAST_ACK or gone
        seen = settled(broker, frozenset({(host, receiver.getsockname()[1])}))
        hanging = broker.sample(frozenset({(host, full_port)}))["to_listeners"]
    assert {"LISTEN", "ESTABLISHED", "CLOSE_WAIT", "FIN_WAIT2", "SYN_SENT"} <= set(seen["states"])
    assert seen["to_listeners"] == {"ESTABLISHED": 2, "CLOSE_WAIT": 2, "FIN_WAIT2": 1}
    assert hanging["SYN_SENT"] >= 1, "where nobody answers"
    assert seen["inbound"] == {"ESTABLISHED": 1}
    assert len(seen["others"]) == 1
    assert (seen["others"][0]["ip"], seen["others"][0]["port"]) == (host, full_port)
    assert seen["others"][0]["states"]["SYN_SENT"] >= 1


def test_localhost_is_either_kind_of_address(puppet: Puppet) -> None:
    with ExitStack() as opened:
        receiver = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = receiver.getsockname()[1]
        other = opened.enter_context(socket.create_server(("::1", port), family=socket.AF_INET6))
        puppet.tell(f"connect({socket.AF_INET:d}, '127.0.0.1', {port})")
        puppet.tell(f"connect({socket.AF_INET6:d}, '::1', {port})")
        own_port = puppet.tell(f"listener({socket.AF_INET:d}, '127.0.0.1')")
        opened.enter_context(receiver.accept()[0])
        opened.enter_context(other.accept()[0])
        listener = f"localhost:{port}"
        seen = json.loads(inspect(int(own_port), (listener,), process_name=puppet.process.name()))
    assert seen["to_listeners"] == {"ESTABLISHED": 2}
    assert {"127.0.0.1", "::1"} <= set(seen["listener_addresses"][listener])
    assert seen["unresolved"] == {}


@pytest.mark.parametrize("listener", ["localhost", "127.0.0.1"])
def test_a_listener_is_found_behind_its_name_and_a_mapped_address(puppet: Puppet, listener: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as receiver:
        port = receiver.getsockname()[1]
        puppet.tell(f"connect({socket.AF_INET6:d}, '::ffff:127.0.0.1', {port})")
        puppet.tell(f"connect({socket.AF_INET:d}, '127.0.0.1', {port})")
        own_port = puppet.tell(f"listener({socket.AF_INET:d}, '127.0.0.1')")
        with receiver.accept()[0], receiver.accept()[0]:
            seen = json.loads(inspect(int(own_port), (f"{listener}:{port}",), process_name=puppet.process.name()))
    assert seen["to_listeners"] == {"ESTABLISHED": 2}
    assert seen["pid"] == puppet.process.pid
    assert seen["nofile"] == puppet.process.rlimit(psutil.RLIMIT_NOFILE)[0]
    assert seen["command_line"][0] == sys.executable
    assert abs(seen["started"] - time.time()) < 60
    assert seen["threads"] == 1
    assert seen["rss"] > 1_000_000
    lowest, highest = seen["ephemeral_ports"]
    assert 1 <= lowest < highest <= 65535


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["connect", "accept", "close", "half", "dup", "pipe", "idle", "far half", "far close"]),
        st.integers(0, 30),
    ),
    min_size=5,
    max_size=20,
)


@settings(max_examples=6, deadline=None, database=None, phases=[Phase.generate])
@given(steps=STEPS)
def test_reused_descriptors_are_counted_right(steps: list[tuple[str, int]]) -> None:
    puppet = Puppet()
    far: list[socket.socket] = []
    held = 1
    try:
        broker = Broker(puppet.process, 1)
        own_port = int(puppet.tell(f"listener({socket.AF_INET:d}, '127.0.0.1')"))
        with socket.create_server(("127.0.0.1", 0)) as receiver:
            settled(broker)
            for step, number in steps:
                which = number % held
                if step == "connect":
                    puppet.tell(f"connect({socket.AF_INET:d}, '127.0.0.1', {receiver.getsockname()[1]})")
                    far.append(receiver.accept()[0])
                elif step == "accept":
                    far.append(socket.create_connection(("127.0.0.1", own_port), timeout=5))
                    puppet.tell("accept(0)")
                elif step == "far half" and far:
                    shut(far[number % len(far)])
                elif step == "far close" and far:
                    far.pop(number % len(far)).close()
                elif step in ("pipe", "idle"):
                    puppet.tell(f"{step}()")
                elif which and step in ("close", "half", "dup"):
                    puppet.tell(f"attempt({step}, {which})")
                held = int(puppet.tell("len(held)"))
                if number % 3 == 0:  # so that up to a handful of steps lie between two samples
                    settled(broker)
            settled(broker)
    finally:
        puppet.close()
        for end in far:
            end.close()


def shut(end: socket.socket) -> None:
    with ExitStack() as ignoring:
        ignoring.push(lambda kind, *_: kind is OSError)
        end.shutdown(socket.SHUT_WR)


def test_sockets_of_others_cost_no_second_look(puppet: Puppet) -> None:
    puppet.tell("pipe()")
    broker = Broker(puppet.process, 1)
    settled(broker)
    remembered = broker.kernel.groups  # a new one when the links are read again
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        broker.sample(frozenset())
    assert broker.kernel.groups is remembered


def test_a_socket_in_the_place_of_a_duplicated_one_is_seen(puppet: Puppet) -> None:
    port = int(puppet.tell(f"listener({socket.AF_INET:d}, '127.0.0.1')"))
    broker = Broker(puppet.process, 1)
    with ExitStack() as clients:
        clients.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
        puppet.tell("accept(0)")
        puppet.tell("dup(1)")
        settled(broker)
        puppet.tell("close(1)")  # the first of the two; the duplicate keeps the socket
        clients.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
        puppet.tell("accept(0)")  # takes its number
        assert settled(broker)["states"]["ESTABLISHED"] == 2


def test_a_socket_in_the_place_of_a_pipe_is_seen(puppet: Puppet) -> None:
    with socket.create_server(("127.0.0.1", 0)) as receiver:
        puppet.tell("pipe()")
        broker = Broker(puppet.process, 1)
        before = settled(broker)
        puppet.tell("close(0)")
        puppet.tell(f"connect({socket.AF_INET:d}, '127.0.0.1', {receiver.getsockname()[1]})")
        after = settled(broker)
    assert (before["states"], after["states"]) == ({}, {"ESTABLISHED": 1})
    assert before["fds"] == after["fds"]


def test_evidence_is_the_descriptor_table_and_bounded(puppet: Puppet) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as receiver:
        puppet.tell("pipe()")
        own_port = puppet.tell(f"listener({socket.AF_INET:d}, '127.0.0.1')")
        for _ in range(300):
            puppet.tell(f"connect({socket.AF_INET:d}, '127.0.0.1', {receiver.getsockname()[1]})")
        puppet.tell("close(5)")
        answer = inspect(int(own_port), (), True, process_name=puppet.process.name())
    text = json.loads(answer)["evidence"]
    assert len(answer) < 12_000
    count = puppet.process.num_fds()
    soft = puppet.process.rlimit(psutil.RLIMIT_NOFILE)[0]
    low = sum(int(fd.name) < 1024 for fd in Path(f"/proc/{puppet.process.pid}/fd").iterdir())
    for words in (
        f"process {puppet.process.pid} of {puppet.process.username()}",
        f"descriptors: {count}; threads: 1;",
        f"limit on descriptors: {soft} (hard: ",
        " (sysctl kernel.pid_max)",
        "299 TCP ESTABLISHED",
        f"free numbers below 1024: {1024 - low}; the first free one: 8",
        f"TCP 127.0.0.1:{own_port} (LISTEN)",
        "\n     8  free\n",
    ):
        assert words in text, text
    assert len(text.splitlines()) < 100


def test_failures_are_one_sentence(puppet: Puppet) -> None:
    assert "no process" in json.loads(inspect(1026, process_name="no-such-broker"))["error"]
    other = Puppet()
    try:
        name = f"brk{uuid.uuid4().hex[:8]}"
        for one in (puppet, other):
            one.tell(f"open('/proc/self/comm', 'w').write({name!r})")
        assert "none that I may see listens on 1" in json.loads(inspect(1, process_name=name))["error"]
    finally:
        other.close()


def test_a_name_without_an_address_hides_nothing(puppet: Puppet) -> None:
    own_port = int(puppet.tell(f"listener({socket.AF_INET:d}, '127.0.0.1')"))
    name = "no.such.host.invalid:80"
    seen = json.loads(inspect(own_port, (name, "127.0.0.1:80", "what"), process_name=puppet.process.name()))
    assert seen["states"] == {"LISTEN": 1}
    assert set(seen["unresolved"]) == {name, "what"}
    assert seen["listener_addresses"] == {name: [], "127.0.0.1:80": ["127.0.0.1"], "what": []}


def test_a_name_server_that_hangs_delays_no_count(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, real = threading.Event(), socket.getaddrinfo

    def slow(host: str, *arguments: Any, **options: Any) -> Any:
        if host == "slow.test" and not options.get("flags"):
            assert answers.wait(10)
            host = "127.0.0.2"
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    names, both = Names(), ("slow.test:80", "127.0.0.1:80")
    began = time.monotonic()
    addresses, answer = names.look(both)
    assert time.monotonic() - began < 1
    assert addresses == frozenset({("127.0.0.1", 80)})
    assert not answer["unresolved"]
    assert answer["lookup_seconds"] >= 0.2
    time.sleep(0.05)
    later = names.look(both)[1]["lookup_seconds"]
    assert later > answer["lookup_seconds"], "the same lookup, still under way"
    answers.set()
    while names.under_way:
        time.sleep(0.01)
    assert names.look(both)[0] == frozenset({("127.0.0.1", 80), ("127.0.0.2", 80)})
