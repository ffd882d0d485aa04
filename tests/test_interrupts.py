"""SIGINT, SIGTERM, SIGHUP and kill -9 in every phase: a quick end, its exit code, whole files, nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import time

import pymongo
import pytest

from scenario.peers.answers import PATIENCE
from tests.support.processes import Process
from tests.support.stack import SUBSCRIPTIONS, Stack, moment, verdict

INTERRUPTED = 4
AT_ONCE = 8.0  # s for the end of an interrupted run: 1 to 2 on a machine at rest

both_signals = pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)], ids=lambda number: number.name
)


def interrupt(stack: Stack, run: Process, number: int, phase: str, within: float = AT_ONCE) -> list[dict[str, str]]:
    """Send the signal; check how the run ends; return its rows."""
    os.kill(run.pid, number)
    rows = stack.ended(run, INTERRUPTED, within)
    outcome, reasons = verdict(run)
    assert outcome == "INCONCLUSIVE"
    assert f"interrupted in phase {phase}" in reasons
    assert run.output.count("Verdict:") == 1
    return rows


def test_in_preflight(stack: Stack) -> None:
    stack.inspector_port = stack.listener_port = "1"
    with socket.create_server(("127.0.0.1", 0)) as never_answers:
        stack.broker_port = str(never_answers.getsockname()[1])
        run = stack.locust()
        run.wait_for("phase preflight")
        assert interrupt(stack, run, signal.SIGINT, "preflight") == []


@pytest.mark.slow
def test_in_reset(stack: Stack) -> None:
    stack.start("-subCacheIval", 60).subscribe(3)
    with pymongo.MongoClient[dict[str, object]](f"mongodb://{stack.mongo}") as client:
        client.drop_database(f"orion-{stack.service}")  # behind the broker's back: its cache keeps them
    run = stack.locust()
    run.wait_for("dropped database")
    assert interrupt(stack, run, signal.SIGTERM, "reset") == []


@pytest.mark.slow
def test_in_seed(stack: Stack) -> None:
    run = stack.start().locust("--subscriptions", 20_000, "--force")
    run.wait_for(r"seed: \d+ of 20000 subscriptions")
    assert interrupt(stack, run, signal.SIGINT, "seed") == []


@pytest.mark.slow
def test_in_baseline(stack: Stack) -> None:
    run = stack.start().locust("--baseline", 30)
    stack.wait_for_row(run, 2)
    rows = interrupt(stack, run, signal.SIGHUP, "baseline")
    assert int(rows[0]["second"]) == -30
    assert {row["version"] for row in rows[:2]} == {"OK"}
    assert stack.received() == 0


def test_in_trigger(stack: Stack) -> None:
    run = stack.start().locust("--baseline", 2)
    stack.wait_for_row(run, 2)
    os.kill(stack.broker.pid, signal.SIGSTOP)
    try:
        run.wait_for("phase trigger")
        stack.wait_for_row(run, 3)
        rows = interrupt(stack, run, signal.SIGINT, "trigger", AT_ONCE + PATIENCE)
    finally:
        os.kill(stack.broker.pid, signal.SIGCONT)
    assert [(row["phase"], row["version"]) for row in rows[:3]] == [("baseline", "OK")] * 2 + [("trigger", "NOK")]


@both_signals
def test_in_observe(stack: Stack, number: int) -> None:
    run = stack.start().locust("--duration", 60, "--idle-connections", 0)
    stack.wait_for_row(run, 5)
    rows = interrupt(stack, run, number, "observe")
    assert len(rows) >= 5
    assert f"held: {SUBSCRIPTIONS} of {SUBSCRIPTIONS}" in verdict(run)[1], "what was seen is reported"


def test_in_settle_the_verdict_stands(stack: Stack) -> None:
    run = stack.start().locust("--duration", "5s")
    run.wait_for("phase settle", 60)
    os.kill(run.pid, signal.SIGTERM)
    assert len(stack.ended(run, 0, AT_ONCE)) == 7
    assert verdict(run)[0] == "PASS"


def test_second_signal_changes_nothing(stack: Stack) -> None:
    run = stack.start().locust("--duration", 60)
    run.wait_for("phase observe")
    os.kill(run.pid, signal.SIGTERM)
    interrupt(stack, run, signal.SIGTERM, "observe")


def test_killed_in_observe_no_row_is_lost(stack: Stack) -> None:
    run = stack.start().locust("--duration", 60)
    stack.wait_for_row(run, 6)
    killed = time.time()
    os.kill(run.pid, signal.SIGKILL)
    rows = stack.ended(run, -signal.SIGKILL)
    assert int(rows[0]["second"]) == -1
    assert len(rows) >= 6
    assert killed - moment(rows[-1]) < 1.5
