"""What the inspector tells beside the connections: limits and who set them, CPU, memory, the port's queue."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from scenario.peers.failures import Kind
from tests.support.processes import ROOT, Process, Processes

sys.path.insert(0, str(ROOT / "setup_scripts"))  # from where it is copied
from inspector.answer import inspect
from inspector.broker import Broker
from inspector.cgroups import Cgroup, cgroup_folders
from inspector.descriptors import descriptor_table

# Listens with a backlog of 3 under a name of its own, and does what signals tell it: USR1 spins, USR2 takes memory
BUSY = """
import signal, socket, sys, time
open("/proc/self/comm", "w").write(sys.argv[1])
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
server.bind(("127.0.0.1", int(sys.argv[2])))
server.listen(3)
def spin(*_):
    while True: pass
held = []
def take(*_):
    while True: held.append(b"x" * 1_000_000)
signal.signal(signal.SIGUSR1, spin)
signal.signal(signal.SIGUSR2, take)
print(server.getsockname()[1], flush=True)
while True: time.sleep(60)
"""
PSEUDO_FILES = Path("/sys/fs/cgroup")


class Busy:
    """A process in the broker's place."""

    def __init__(self, processes: Processes, port: int = 0) -> None:
        self.name = f"busy{uuid.uuid4().hex[:8]}"
        self.process: Process = processes.start("python", "-c", BUSY, self.name, port)
        self.port = int(self.process.wait_for(r"^(\d+)$")[1])
        self.broker = Broker(psutil.Process(self.process.pid), self.port)

    def sample(self) -> dict[str, Any]:
        return self.broker.sample(frozenset())

    def inspect(self) -> dict[str, Any]:
        seen: dict[str, Any] = json.loads(inspect(self.port, process_name=self.name))
        return seen


@pytest.fixture
def busy(processes: Processes) -> Busy:
    return Busy(processes)


@pytest.fixture
def cgroup(busy: Busy) -> Iterator[Callable[..., Path]]:
    """Put the process into a new group of a controller, with these settings (version 1, for which it needs root)."""
    made = []

    def making(controller: str, **settings: int) -> Path:
        top = PSEUDO_FILES / controller
        if os.getuid() != 0 or not (top / "cgroup.procs").exists() or not os.access(top, os.W_OK):
            pytest.skip(f"needs root, and control groups of version 1 with {controller}")
        folder = top / f"test-{busy.name}" / "contextBroker.service"
        folder.mkdir(parents=True)
        made.append(folder)
        for name, value in settings.items():
            (folder.parent / f"{controller}.{name}").write_text(str(value))
        (folder / "cgroup.procs").write_text(str(busy.process.pid))
        return folder.parent

    yield making
    busy.process.stop(signal.SIGKILL)
    for folder in made:
        for each in (folder, folder.parent):
            _removed(each)


def _removed(folder: Path) -> None:
    for _ in range(100):  # the kernel takes a moment to let go of the last process
        try:
            return folder.rmdir()
        except OSError:
            time.sleep(0.02)
    raise AssertionError(f"{folder} is not removed")


def until(holds: Callable[[], Any], seconds: float = 10) -> Any:
    end = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return value


def test_the_tightest_limit_on_threads_is_named(busy: Busy, cgroup: Callable[..., Path]) -> None:
    before = busy.sample()["threads_limits"]
    folder = cgroup("pids", max=7)  # of the group above its own, as a slice's
    after = busy.sample()
    assert after["threads_limits"][0] == {"where": f"{folder}/pids.max", "limit": 7, "used": 1}
    assert {limit["where"] for limit in before} >= {"sysctl kernel.threads-max", "sysctl kernel.pid_max"}
    assert after["threads_refused"] == 0


def test_ulimit_counts_where_it_holds(processes: Processes, busy: Busy) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can start a process as another user")
    wheres = [limit["where"] for limit in busy.sample()["threads_limits"]]
    assert not any(where.startswith("ulimit") for where in wheres), "root need not care"
    user = 60_000 + os.getpid() % 5000  # nobody else's
    code = "import os, sys, time; os.setuid(int(sys.argv[1])); print('ready', flush=True); time.sleep(600)"
    started = [processes.start("prlimit", "--nproc=70", sys.executable, "-c", code, user) for _ in range(3)]
    for process in started:
        process.wait_for("ready")
    tightest = Broker(psutil.Process(started[0].pid), 1).sample(frozenset())["threads_limits"][0]
    assert tightest == {"where": f"ulimit -u of process {started[0].pid}", "limit": 70, "used": 3}
    table = descriptor_table(Broker(psutil.Process(started[0].pid), 1))
    assert f"3 of 70 (ulimit -u of process {started[0].pid})" in table


def test_cpu_is_told(busy: Busy) -> None:
    first = busy.sample()
    assert first["state"] == "S"
    assert first["cpus"] == len(psutil.Process(busy.process.pid).cpu_affinity())
    os.kill(busy.process.pid, signal.SIGUSR1)
    later = until(lambda: (seen := busy.sample())["cpu_seconds"] > first["cpu_seconds"] + 0.5 and seen)
    assert later["state"] == "R"
    spent = sum(psutil.Process(busy.process.pid).cpu_times()[:2])
    assert later["cpu_seconds"] <= spent < later["cpu_seconds"] + 2


def test_a_stopped_process_is_told(busy: Busy) -> None:
    os.kill(busy.process.pid, signal.SIGSTOP)
    try:
        seen = until(lambda: (seen := busy.inspect())["state"] == "T" and seen)
        assert busy.inspect()["cpu_seconds"] == seen["cpu_seconds"]
    finally:
        os.kill(busy.process.pid, signal.SIGCONT)


def test_a_cpu_quota_is_told(busy: Busy, cgroup: Callable[..., Path]) -> None:
    cgroup("cpu", cfs_quota_us=20_000)
    assert busy.sample()["cpus"] == 0.2
    os.kill(busy.process.pid, signal.SIGUSR1)
    seen = until(lambda: (seen := busy.sample())["throttled_seconds"] > 0.2 and seen)
    assert seen["throttled_periods"] > 0


def test_a_kill_for_memory_is_told(busy: Busy, cgroup: Callable[..., Path]) -> None:
    folder = cgroup("memory", limit_in_bytes=60_000_000)
    before = busy.inspect()
    tightest = before["memory_limits"][0]
    assert tightest["where"] == f"{folder}/memory.limit_in_bytes"
    assert 59_000_000 < tightest["limit"] <= 60_000_000
    assert before["oom_kills"] == 0
    os.kill(busy.process.pid, signal.SIGUSR2)
    assert busy.process.wait(30) == -signal.SIGKILL
    gone = until(lambda: (seen := busy.inspect()).get("error") and seen)
    assert gone["error"].endswith("; since then the kernel has killed 1 of its control group for lack of memory")
    assert gone["kind"] == Kind.KILLED_FOR_MEMORY.value


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [
        ((0, 0), (0, 0), Kind.NO_PROCESS),
        ((0, 3), (0, 4), Kind.NO_PROCESS),  # another one was killed
        ((0, 3), (1, 4), Kind.KILLED_FOR_MEMORY),
        ((None, None), (None, None), Kind.NO_PROCESS),
        ((None, 3), (None, 4), Kind.KILLED_ON_HOST),
        ((0, 3), (None, 3), Kind.NO_PROCESS),  # its control group is gone, too
    ],
)
def test_how_a_process_ended(
    before: tuple[int | None, int | None],
    now: tuple[int | None, int | None],
    kind: Kind,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker = Broker(psutil.Process(), 1)
    broker.oom_kills = before
    monkeypatch.setattr(broker.cgroup, "oom_kills", lambda: now[0])
    monkeypatch.setattr("inspector.broker.oom_kills_of_host", lambda: now[1])
    assert broker.end("gone").kind == kind.value


def test_the_listen_queue_is_told(busy: Busy) -> None:
    empty = busy.sample()
    assert (empty["listen_queue"], empty["listen_backlog"]) == (0, 3)
    with ExitStack() as clients:
        for _ in range(6):  # one more than the backlog is taken, the others are dropped
            client = clients.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", busy.port))
        full = until(lambda: (seen := busy.sample())["listen_queue"] == 4 and seen)
        assert full["listen_overflows"] > empty["listen_overflows"]
        assert full["listen_drops"] > empty["listen_drops"]
        assert full["inbound"] == {}, "nobody has accepted them"
        busy.broker.by_kernel = False
        assert (busy.sample()["listen_queue"], busy.sample()["listen_backlog"]) == (4, None)


@pytest.mark.parametrize("by_kernel", [True, False], ids=["kernel", "proc"])
def test_another_process_at_its_port_is_told(processes: Processes, busy: Busy, by_kernel: bool) -> None:
    busy.broker.by_kernel = by_kernel
    assert busy.sample()["also_listening"] == []
    with socket.create_server(("127.0.0.2", busy.port)):
        assert busy.sample()["also_listening"] == [], "another address"
    second = Busy(processes, busy.port)
    assert busy.sample()["also_listening"] == [second.process.pid]
    second.process.stop(signal.SIGKILL)
    assert busy.sample()["also_listening"] == []


def test_resets_are_counted(busy: Busy) -> None:
    before = busy.sample()
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        with server.accept()[0]:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
            until(lambda: busy.sample()["resets"] > before["resets"])


V1 = """31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
40 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
"""
V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
CONTAINER = "691 690 0:26 /../orion /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n"
OLD_CONTAINER = "691 690 0:36 /docker/abc /sys/fs/cgroup/pids ro,nosuid - cgroup cgroup rw,pids\n"


@pytest.mark.parametrize(
    ("memberships", "mounts", "folders"),
    [
        ("8:pids:/\n", V1, {"pids": ["/sys/fs/cgroup/pids"]}),
        (
            "8:pids:/system.slice/orion.service\n1:cpu,cpuacct:/a\n0::/\n",
            V1,
            {
                "pids": [
                    "/sys/fs/cgroup/pids/system.slice/orion.service",
                    "/sys/fs/cgroup/pids/system.slice",
                    "/sys/fs/cgroup/pids",
                ],
                "cpu": ["/sys/fs/cgroup/cpu,cpuacct/a", "/sys/fs/cgroup/cpu,cpuacct"],
                "cpuacct": ["/sys/fs/cgroup/cpu,cpuacct/a", "/sys/fs/cgroup/cpu,cpuacct"],
            },
        ),
        ("0::/a b/c\n", V2, {"": ["/sys/fs/cgroup/a b/c", "/sys/fs/cgroup/a b", "/sys/fs/cgroup"]}),
        ("0::/../orion\n", V2, {}),  # of another container: not in sight
        ("0::/../orion\n", CONTAINER, {"": ["/sys/fs/cgroup"]}),
        ("0::/../orion2\n", CONTAINER, {}),
        ("8:pids:/docker/abc/x\n", OLD_CONTAINER, {"pids": ["/sys/fs/cgroup/pids/x", "/sys/fs/cgroup/pids"]}),
    ],
)
def test_folders_of_control_groups(memberships: str, mounts: str, folders: dict[str, list[str]]) -> None:
    assert cgroup_folders(memberships, mounts, "") == folders
    below = {name: [f"/root{folder}" for folder in each] for name, each in folders.items()}
    assert cgroup_folders(memberships, mounts, "/root") == below


def test_limits_of_version_2(tmp_path: Path) -> None:
    own = tmp_path / "system.slice" / "orion.service"
    own.mkdir(parents=True)
    for path, text in {
        own / "pids.max": "2000\n",
        own / "pids.current": "1994\n",
        own / "pids.events": "max 17\n",
        own.parent / "pids.max": "max\n",
        own.parent / "pids.current": "2100\n",
        own / "memory.max": "max\n",
        own / "memory.current": "900\n",
        own / "memory.events": "low 0\nhigh 0\nmax 3\noom 2\noom_kill 1\noom_group_kill 0\n",
        own.parent / "memory.max": "1000\n",
        own.parent / "memory.current": "990\n",
        own / "cpu.max": "max 100000\n",
        own.parent / "cpu.max": "150000 100000\n",
        own / "cpu.stat": "usage_usec 5\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
        own.parent / "cpu.stat": "usage_usec 5\nnr_periods 9\nnr_throttled 4\nthrottled_usec 2500000\n",
        tmp_path / "cpu.stat": "usage_usec 5\n",
    }.items():
        path.write_text(text)
    cgroup = Cgroup(os.getpid())
    cgroup.folders = {"": [str(own), str(own.parent), str(tmp_path)]}
    assert list(cgroup.threads()) == [(f"{own}/pids.max", 2000, 1994)]
    assert list(cgroup.memory()) == [(f"{own.parent}/memory.max", 1000, 990)]
    assert (cgroup.threads_refused(), cgroup.oom_kills(), cgroup.cpus()) == (17, 1, 1.5)
    assert cgroup.throttled() == {"throttled_seconds": 2.5, "throttled_periods": 4}
    cgroup.folders = {}
    assert (list(cgroup.threads()), list(cgroup.memory()), cgroup.cpus()) == ([], [], float("inf"))
    assert (cgroup.threads_refused(), cgroup.oom_kills(), cgroup.throttled()["throttled_seconds"]) == (None, None, None)
