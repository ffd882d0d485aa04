"""Several processes: the same files and verdict, every probe once per second, no dead worker goes unseen."""

from __future__ import annotations

import csv
import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.fleet import start_fleet
from tests.support.metrics import scraped
from tests.support.stack import SUBSCRIPTIONS, Stack, free_port, verdict

INCONCLUSIVE = 4


def requests_made(stack: Stack) -> dict[str, int]:
    """Return how often each request was made, by Locust's own statistics."""
    with Path(f"{stack.prefix}_stats.csv").open(encoding="utf-8", newline="") as file:
        return {row["Name"]: int(row["Request Count"]) for row in csv.DictReader(file)}


def listeners(port: int) -> list[tuple[int, str]]:
    """Return who listens on a port, and at which address."""
    connections: Any = psutil.net_connections("tcp")
    return [(each.pid, each.laddr.ip) for each in connections if each.status == "LISTEN" and each.laddr.port == port]


@pytest.mark.parametrize(("way", "rate"), [pytest.param("processes", 1, marks=pytest.mark.slow), ("workers", 5)])
def test_passes_with_everything_once(stack: Stack, way: str, rate: int) -> None:
    port = free_port()
    patient = ("--version-slo", 60_000)  # how fast a busy machine is does not matter here
    fleet = start_fleet(stack.start(), way, "--metrics-port", port, "--rate", rate, *patient)
    stack.wait_for_row(fleet.master, 4)
    assert scraped(port)["connections_rows_total"] >= 4
    assert listeners(port) == [(fleet.master.pid, "127.0.0.1")]
    rows = stack.ended(fleet.master, 0)
    outcome, reasons = verdict(fleet.master)
    assert outcome == "PASS"
    assert f"held: {SUBSCRIPTIONS} of {SUBSCRIPTIONS}" in reasons
    assert [int(row["second"]) for row in rows] == list(range(-1, 9)), "a row for every second"
    probed = ("version", "update", "query", "queue_size", "established", "listener_held", "healthy_arrived")
    assert not any(row[name] == "" for row in rows for name in probed), "no probe missed"
    made = requests_made(stack)
    assert made["/statistics"] == made["inspect"] == len(rows)
    for name in ("/version", "client: update"):  # a worker's last report to Locust may come too early for the last try
        assert rate * len(rows) - (rate > 1) <= made[name] <= rate * len(rows)
    assert sum(int(row.get("version_tries", 1)) for row in rows) == rate * len(rows)
    assert made["/v2/op/update"] == 1
    assert made["/v2/subscriptions"] == stack.received() == SUBSCRIPTIONS


@pytest.mark.slow
def test_worker_killed_in_seed(stack: Stack) -> None:
    fleet = start_fleet(stack.start(), "processes", "--subscriptions", 20_000, "--force")
    fleet.master.wait_for(r"seed: \d+ of 20000 subscriptions")
    os.kill(fleet.workers[0], signal.SIGKILL)
    assert stack.ended(fleet.master, INCONCLUSIVE, within=20) == []
    assert "a worker was lost" in verdict(fleet.master)[1]
    assert "phase trigger" not in fleet.master.output


@pytest.mark.slow
def test_worker_killed_in_observe(stack: Stack) -> None:
    fleet = start_fleet(stack.start(), "workers", "--duration", 60)
    stack.wait_for_row(fleet.master, 4)
    os.kill(fleet.workers[1], signal.SIGKILL)
    rows = stack.ended(fleet.master, INCONCLUSIVE, within=20)
    assert "a worker was lost" in verdict(fleet.master)[1]
    assert len(rows) >= 4


@pytest.mark.slow
def test_terminated_master_ends_its_workers(stack: Stack) -> None:
    fleet = start_fleet(stack.start(), "workers", "--duration", 60)
    stack.wait_for_row(fleet.master, 3)
    os.kill(fleet.master.pid, signal.SIGTERM)
    rows = stack.ended(fleet.master, INCONCLUSIVE, within=8)
    assert len(rows) >= 3
    assert "interrupted in phase" in verdict(fleet.master)[1]


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)], ids=lambda number: number.name
)
def test_signal_to_all_processes(stack: Stack, number: int) -> None:
    """As a terminal sends Ctrl-C, or systemd SIGTERM."""
    fleet = start_fleet(stack.start(), "processes", "--duration", 60)
    stack.wait_for_row(fleet.master, 3)
    for pid in (fleet.master.pid, *fleet.workers):
        os.kill(pid, number)
    assert len(stack.ended(fleet.master, INCONCLUSIVE, within=8)) >= 3
    assert verdict(fleet.master)[0] == "INCONCLUSIVE"


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)], ids=lambda number: number.name
)
def test_master_that_waits_for_its_workers(stack: Stack, number: int) -> None:
    stack.broker_port = stack.inspector_port = stack.listener_port = str(free_port())  # never asked
    bound = ("--master-bind-host", "127.0.0.1", "--master-bind-port", free_port())
    master = stack.locust("--master", "--expect-workers", 2, *bound, "--loglevel", "DEBUG")
    master.wait_for("Waiting for workers to be ready, 0 of 2 connected")
    os.kill(master.pid, number)
    assert stack.ended(master, INCONCLUSIVE, within=8) == []
