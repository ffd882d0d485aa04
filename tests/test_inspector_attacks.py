"""The inspector's port under attack: it goes on, tells of nobody but the broker, and nothing is left of it."""

from __future__ import annotations

import hmac
import random
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest
import rpyc
from rpyc.core import brine, consts

from scenario.peers.inspector import Inspector
from tests.support.inspector import SCRIPT, Target, start
from tests.support.processes import ROOT, Process, Processes
from tests.support.rehearsal import eventually

sys.path.insert(0, str(ROOT / "setup_scripts"))  # from where it is copied
from inspector.command_line import without_secrets
from inspector.server import CHALLENGE, MAX_CLIENTS, MAX_ENTERING
from inspector.service import MAX_REQUEST

TOKEN = "open sesame, please"


class Guarded:
    """An inspector that asks for the token, and what it looks at."""

    def __init__(self, processes: Processes, folder: Path, nofile: int = 1024) -> None:
        self.target = Target(processes, folder)
        secret = folder / "token"
        secret.write_text(TOKEN)
        options = ("--port", 0, "--token-file", secret, "--process-name", self.target.name)
        self.process: Process = processes.start("prlimit", f"--nofile={nofile}", sys.executable, SCRIPT, *options)
        self.port = int(self.process.wait_for(r"listening on \S+:(\d+)$")[1])
        self.counted = psutil.Process(self.process.pid)

    def client(self) -> Inspector:
        return Inspector("127.0.0.1", self.port, self.target.port, token=TOKEN)

    def answers(self) -> None:
        """Fail unless it answers rightly, at the first attempt."""
        client = self.client()
        assert client.inspect().pid == self.target.process.pid
        client.close()

    def connect(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        client.settimeout(5)
        return client

    def at_rest(self) -> int:
        """Return its descriptors when nobody is connected any more."""
        end = time.monotonic() + 15
        while self.counted.net_connections("tcp")[1:]:
            assert time.monotonic() < end, "it holds on to clients"
            time.sleep(0.05)
        return self.counted.num_fds()


@pytest.fixture
def guarded(processes: Processes, tmp_path: Path) -> Guarded:
    return Guarded(processes, tmp_path)


def test_a_crowd_without_a_token_keeps_nobody_out(guarded: Guarded) -> None:
    guarded.answers()
    before = guarded.at_rest()
    with ExitStack() as crowd:
        for number in range(1400):
            crowd.enter_context(guarded.connect())
            if number % 200 == 199:
                guarded.answers()
        assert len(guarded.counted.net_connections("tcp")) < MAX_ENTERING + 10
    eventually(lambda: guarded.at_rest() == before)
    assert guarded.process.output.count("\n") == 1, guarded.process.output


def test_without_descriptors_left_it_waits_for_some(processes: Processes, tmp_path: Path) -> None:
    guarded = Guarded(processes, tmp_path, nofile=20)
    guarded.answers()
    before = guarded.at_rest()
    with ExitStack() as crowd:
        for _ in range(100):
            crowd.enter_context(guarded.connect())
        guarded.process.wait_for("cannot accept a connection: Too many open files")
        spent = sum(guarded.counted.cpu_times()[:2])
        time.sleep(1)
        assert sum(guarded.counted.cpu_times()[:2]) - spent < 0.3, "it pauses"
        assert guarded.process.output.count("Too many open files") == 1
    eventually(lambda: guarded.at_rest() == before)
    guarded.answers()


def test_a_closed_stderr_does_not_end_it(tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); import inspector.__main__ as inspector; "
    code += "inspector.main()"
    command = ["prlimit", "--nofile=12", sys.executable, "-c", code, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as inspector:
        assert inspector.stdout is not None
        assert inspector.stderr is not None
        port = int(inspector.stdout.readline().rpartition(b":")[2])
        inspector.stderr.close()
        with ExitStack() as crowd:
            for _ in range(30):
                crowd.enter_context(socket.create_connection(("127.0.0.1", port)))
            time.sleep(1)
        assert inspector.poll() is None
        inspector.terminate()


def test_there_are_only_so_many_clients(processes: Processes, tmp_path: Path) -> None:
    target = Target(processes, tmp_path)
    process, port = start(processes, name=target.name)
    asking = Inspector("127.0.0.1", port, target.port)
    asking.inspect()
    with ExitStack() as crowd:
        for _ in range(3 * MAX_CLIENTS):  # without a token each is a client at once
            crowd.enter_context(socket.create_connection(("127.0.0.1", port)))
            assert asking.inspect().pid == target.process.pid, "who asks is not the one that was silent for longest"
        assert len(psutil.Process(process.pid).net_connections("tcp")) <= MAX_CLIENTS + 1 + 3
    asking.close()
    assert MAX_CLIENTS < MAX_ENTERING


def test_what_went_over_the_wire_opens_nothing_a_second_time(guarded: Guarded) -> None:
    """A wiretap between client and inspector, and what it heard is played back."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as tap:
        client = Inspector("127.0.0.1", tap.getsockname()[1], guarded.target.port, token=TOKEN)
        with guarded.connect() as inspector:
            challenge = inspector.recv(1000)
            assert challenge.startswith(CHALLENGE)
            assert len(challenge) == len(CHALLENGE) + 32

        def relay() -> None:
            with tap.accept()[0] as near, guarded.connect() as far:
                near.sendall(far.recv(len(CHALLENGE) + 32, socket.MSG_WAITALL))
                heard.append(near.recv(32, socket.MSG_WAITALL))
                far.sendall(heard[0])
                near.settimeout(0.2)
                far.settimeout(0.2)
                for _ in range(20):
                    for one, other in ((near, far), (far, near)):
                        with suppress(TimeoutError, OSError):
                            other.sendall(one.recv(65536))

        relaying = threading.Thread(target=relay)
        relaying.start()
        assert client.inspect().pid == guarded.target.process.pid
        client.close()
        relaying.join(10)
    with guarded.connect() as again:
        again.recv(len(CHALLENGE) + 32, socket.MSG_WAITALL)
        again.sendall(heard[0])
        assert again.recv(1) == b"", "closed"


def test_it_tells_of_no_other_process(guarded: Guarded, processes: Processes, tmp_path: Path) -> None:
    other = Target(processes, tmp_path, "other")
    client = guarded.client()
    client.arguments = (other.port, ())
    seen = client.inspect()
    assert (seen.pid, seen.name) == (guarded.target.process.pid, guarded.target.name)
    client.close()


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("contextBroker -dbuser me -dbPwd secret -port 1026", "contextBroker -dbuser me -dbPwd *** -port 1026"),
        ("x -dbURI mongodb://me:secret@mongo:27017/?w=1", "x -dbURI mongodb://***@mongo:27017"),
        ("x -dbURI mongodb+srv://me:sec/r@et@mongo", "x -dbURI mongodb+srv://***"),
        ("x -dbURI mongodb://me:1?secret@mongo", "x -dbURI mongodb://***"),
        ("x -dbURI mongodb://me:12/secret@mongo", "x -dbURI mongodb://***"),
        ("x -dbURI=mongodb://a:1,[::1]:2/db?tlsCertificateKeyFilePassword=secret", "x -dbURI=mongodb://a:1,[::1]:2"),
        ("x -dbURI mongodb://a/?tlsCertificateKeyFilePassword=12@secret", "x -dbURI mongodb://***"),
        ("x --password=secret --token secret", "x --password=*** --token ***"),
        ("x -dbURI mongodb://mongo:27017 -dbPwd", "x -dbURI mongodb://mongo:27017 -dbPwd"),
        ("x -multiservice -notificationMode threadpool:1:2", "x -multiservice -notificationMode threadpool:1:2"),
    ],
)
def test_passwords_do_not_leave(words: str, shown: str) -> None:
    assert without_secrets(words.split()) == shown.split()


def test_passwords_of_a_real_command_line_do_not_leave(processes: Processes, tmp_path: Path) -> None:
    name = "contextBroker"
    code = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1]); time.sleep(600)"
    (tmp_path / name).symlink_to(sys.executable)
    options = ("-dbPwd", "s3cret", "-dbURI", "mongodb://me:s3cret@mongo")
    broker = processes.start(tmp_path / name, "-c", code, *options, env={"PYTHONHOME": sys.base_prefix}, name="broker")
    port = int(broker.wait_for(r"^(\d+)$")[1])
    _, inspector_port = start(processes)
    client = Inspector("127.0.0.1", inspector_port, port)
    seen = client.inspect()
    assert seen.pid == broker.pid
    assert seen.command_line[-4:] == ("-dbPwd", "***", "-dbURI", "mongodb://***@mongo")
    assert "s3cret" not in client.evidence()
    client.close()


def test_a_request_beyond_some_kilobytes_is_refused(processes: Processes, tmp_path: Path) -> None:
    target = Target(processes, tmp_path)
    process, port = start(processes, name=target.name)
    for size, compressed in ((MAX_REQUEST + 1, 0), (2**32 - 1, 0)):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(struct.pack("!LB", size, compressed) + b"x" * 1000)
            with suppress(ConnectionResetError):
                while client.recv(1000):  # it says good-bye, and closes
                    pass
    before = psutil.Process(process.pid).memory_info().rss
    bomb = rpyc.connect("127.0.0.1", port, config={"sync_request_timeout": 5})
    with pytest.raises((EOFError, OSError)):  # 200 MB, in 200 kB
        bomb.root.inspect(target.port, ("x" * 200_000_000,))
    assert psutil.Process(process.pid).memory_info().rss < before + 20_000_000


def inputs(chance: random.Random) -> Iterator[bytes]:
    """Yield 1,000 inputs: random bytes, random frames, random messages of RPyC, valid ones that are cut or changed."""
    handlers = [value for name, value in vars(consts).items() if name.startswith("HANDLE_")]
    values = (None, 0, -1, 10**50, "inspect", b"x", (), (1, ("a",)), "x" * 5000, 1.5, True, ("contextBroker", 1, 1))
    for number in range(1000):
        kind = number % 4
        if kind == 0:
            yield chance.randbytes(chance.randrange(1, 300))
            continue
        boxed = tuple((chance.randrange(0, 6), chance.choice(values)) for _ in range(chance.randrange(4)))
        request = (chance.randrange(10), (chance.choice([*handlers, 99]), (consts.LABEL_TUPLE, boxed)))
        message = brine.I1.pack(chance.choice([1, 2, 3, 9])) + brine.dump(request)
        if kind == 1:  # nested tuples, and lengths that are not there
            message = b"\x01" + chance.choice([b"\x10" * chance.randrange(20_000), chance.randbytes(50)])
        frame = bytearray(struct.pack("!LB", len(message), chance.choice([0, 0, 0, 1])) + message + b"\n")
        if kind == 3:
            frame[chance.randrange(len(frame))] ^= 1 << chance.randrange(8)
            del frame[chance.randrange(len(frame)) :]
        yield bytes(frame)


@pytest.mark.parametrize("with_token", [True, False])
def test_2000_inputs_change_nothing(guarded: Guarded, with_token: bool) -> None:
    chance = random.Random(4711)
    for _ in range(3):
        guarded.answers()
    fds, rss = guarded.at_rest(), 0
    for number, data in enumerate(inputs(chance)):
        with guarded.connect() as client, suppress(OSError):
            if with_token:
                challenge = client.recv(len(CHALLENGE) + 32, socket.MSG_WAITALL)
                client.sendall(digest(challenge))
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            client.settimeout(0.02)
            client.recv(1000)
        if number % 250 == 249:
            guarded.answers()
            rss = rss or guarded.counted.memory_info().rss  # after some, for the first ones load what is needed
    guarded.answers()
    eventually(lambda: guarded.at_rest() == fds)
    assert guarded.counted.memory_info().rss < rss + 5_000_000
    assert guarded.process.output.count("\n") == 1, guarded.process.output


def digest(challenge: bytes) -> bytes:
    return hmac.new(TOKEN.encode(), challenge, "sha256").digest()
