"""Several hosts, as docs/several-hosts.md has them: the same rows and verdict, and a host that is gone is named."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.deployment import NAMES, SUBSCRIPTIONS, Deployment
from tests.support.hosts import Hosts
from tests.support.processes import Processes
from tests.support.stack import moment, verdict

# A host of its own has clocks of its own: the time of day may be wrong, the monotonic one counts from another boot
CLOCK = """
import time
for name, shift in (("time", {shift}), ("monotonic", 10 * {shift})):
    setattr(time, name, lambda real=getattr(time, name), shift=shift: real() + shift)
    setattr(time, name + "_ns", lambda real=getattr(time, name + "_ns"), shift=shift: real() + shift * 10**9)
"""


@contextmanager
def deployed(folder: Path, *more: str) -> Iterator[Deployment]:
    """The README's hosts and some `more`, nothing started on them; in the end nothing runs, and they are gone."""
    with Hosts(*NAMES, *more, folder=folder) as hosts:
        processes = Processes(folder)
        try:
            yield Deployment(hosts, processes, folder)
        finally:
            processes.close()


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """Hosts with links between them."""
    with deployed(tmp_path) as deployment:
        yield deployment


def needs_links(deployment: Deployment) -> None:
    if deployment.hosts.loopback:
        pytest.skip("needs network namespaces: root, ip(8), and Linux with veth and bridge")


@pytest.fixture
def linked(deployment: Deployment) -> Deployment:
    needs_links(deployment)
    return deployment


def passes(deployment: Deployment, *options: str) -> list[dict[str, str]]:
    """Run to the end; a PASS, a row for every second, half of the notifications at each listener, nothing left."""
    began = time.time()
    run = deployment.start_run(*options)
    rows = deployment.ended(run, 0, within=60)
    outcome, reasons = verdict(run)
    assert outcome == "PASS"
    assert f"held: {SUBSCRIPTIONS} of {SUBSCRIPTIONS}" in reasons
    assert [int(row["second"]) for row in rows] == list(range(-1, 11)), "a row for every second"
    assert began < moment(rows[0]) < moment(rows[-1]) < time.time()
    assert max(int(row["listener_held"]) for row in rows) == SUBSCRIPTIONS
    for listener in deployment.listeners:
        listener.wait_for(rf"^Received +{SUBSCRIPTIONS // 2} ", 1)
    assert [worker.wait(10) for worker in deployment.workers] == [0, 0]
    return rows


@pytest.mark.slow
def test_every_part_on_a_host_of_its_own(deployment: Deployment) -> None:
    """Whatever the workers' clocks show: rows are on the master's."""
    shifts = {"worker1": 3600, "worker2": -3600}
    for name, shift in shifts.items():
        folder = deployment.folder / name
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(CLOCK.format(shift=shift), encoding="utf-8")
        deployment.envs[name] = {"PYTHONPATH": str(folder)}
    deployment.start_parts()
    looked = deployment.look()
    assert (looked.wait(), "Verdict: PREFLIGHT OK" in looked.output) == (0, True), looked.output
    passes(deployment)
    for worker, shift in zip(deployment.workers, shifts.values(), strict=True):
        shown = worker.wait_for(r"^\[(\S+ \S+),\d+\].* Starting Locust")[1]
        off = time.mktime(time.strptime(shown, "%Y-%m-%d %H:%M:%S")) - worker.log.stat().st_mtime
        assert abs(off - shift) < 60


@pytest.mark.slow
def test_inspector_outside_the_brokers_network_namespace_counts_right(tmp_path: Path) -> None:
    with deployed(tmp_path, "outside") as deployment:
        needs_links(deployment)
        deployment.start_parts(inspector_on="outside")
        rows = passes(deployment, "--inspector", "outside")
        ends = [int(row["established"]) - int(row["listener_held"]) for row in rows[:2]]
        assert max(ends) < 20, "its connections to the database and the probes, which come and go, nobody else's"
        assert 10 <= max(int(row["established"]) for row in rows) - ends[0] - SUBSCRIPTIONS <= 12  # the idle clients


@pytest.mark.slow
def test_listeners_host_that_vanishes_is_named(linked: Deployment) -> None:
    run = linked.start_parts(delay="30s").start_run()
    linked.wait_for_row(run, 5)
    linked.hosts.unplug("listener2")
    linked.ended(run, 4)
    assert re.search(r"listeners: listener2:8090: no connection within the time limit in \d+ rows", run.output)
    assert re.search(r"cause: a listener is down or cannot be reached\n.*evidence: listener2:8090: ", run.output)
    assert "listener1:8090: " not in verdict(run)[1]


@pytest.mark.slow
@pytest.mark.slow
def test_workers_host_that_vanishes_is_named(linked: Deployment) -> None:
    run = linked.start_parts(delay="30s").start_run("--duration", "60s")
    linked.wait_for_row(run, 5)
    linked.hosts.unplug("worker2")
    gone = time.time()
    run.wait_for("Worker worker2_.* failed to send heartbeat", 10)
    assert run.wait(20) == 4, run.output
    assert "a worker was lost" in verdict(run)[1]
    rows = linked.complete_rows()
    assert gone - 2 < moment(rows[-1]) < gone + 10
