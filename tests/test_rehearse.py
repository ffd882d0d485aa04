"""setup_scripts/rehearse.sh, as a newcomer runs it."""

from __future__ import annotations

import csv
import os
import re
import signal
import time
from datetime import datetime
from pathlib import Path

import psutil
import pytest
import requests

from tests.support.processes import ROOT, Process, Processes, still_there

NUMBERS = ("--subscriptions", "--nofile", "--cycles")
SCRIPT = "setup_scripts/rehearse.sh"


def rehearse(processes: Processes, folder: Path, *options: str) -> Process:
    return processes.start("sh", SCRIPT, "--output", folder / "out", *options, name="rehearse")


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "out" / "rehearsal_connections.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def without_numbers(text: str) -> set[str]:
    return {re.sub(r"\d[\d.,:]*", "N", line.rstrip()) for line in text.splitlines()}


def wait_until_gone(started: list[psutil.Process]) -> None:
    assert not still_there(started, 15)


@pytest.mark.alone("5,000 connections: a row that is 100 ms late fails it")
@pytest.mark.timeout(300)
def test_the_readmes_command(processes: Processes, tmp_path: Path) -> None:
    run = rehearse(processes, tmp_path)
    assert run.wait(280) == 0, run.output
    assert run.output.endswith(f"report  {tmp_path / 'out' / 'rehearsal.html'}\n")
    for name in ("rehearsal_connections.csv", "connections_stress_tests.log", "rehearsal.html"):
        assert (tmp_path / "out" / name).stat().st_size > 0

    printed = without_numbers((ROOT / "README.md").read_text(encoding="utf-8").split("```")[1].strip())
    unlike = printed - without_numbers(run.output) - {"..."}
    assert [line.split()[0] for line in unlike] == ["report"], "the README shows what it prints"

    assert "cause:" not in run.output
    assert re.search(r"recovery: back at rest at second \d+, \d+ established .* \d{4} CLOSE_WAIT kept", run.output)
    assert "kept growing" not in run.output
    assert not (tmp_path / "out" / "rehearsal_evidence.txt").exists()

    seen = rows(tmp_path)
    assert [int(row["second"]) for row in seen] == list(range(-3, 21))
    rest = int(seen[0]["established"])
    assert max(int(row["established"]) for row in seen) - rest >= 5000
    close_wait = [int(row["close_wait"]) for row in seen]
    assert set(close_wait[close_wait.index(5000) :]) == {5000}, "what measures uses none of them up"
    moments = [datetime.fromisoformat(row["time_utc"]).timestamp() for row in seen]
    late = [moment - moments[0] - index for index, moment in enumerate(moments)]
    assert max(map(abs, late)) < 0.1, "no row drifts by 100 ms"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make control groups and be another user")
@pytest.mark.slow
@pytest.mark.parametrize("way", ["threads:nproc", "threads:transient"])
def test_another_way_to_a_cause(processes: Processes, tmp_path: Path, way: str) -> None:
    run = rehearse(processes, tmp_path, "--cause", way, "--subscriptions", "350", "--duration", "12s")
    assert run.wait() == 1, run.output
    assert re.findall(r"  cause: (.*)", run.output)[0] == "the broker cannot create more threads"
    assert not [*Path("/sys/fs/cgroup").glob(f"**/rehearsal-{run.pid}")]


@pytest.mark.slow
def test_two_causes_at_a_time(processes: Processes, tmp_path: Path) -> None:
    run = rehearse(
        processes,
        tmp_path,
        *("--cause", "slow", "--cause", "workers", "--cause", "frozen"),
        "--subscriptions=150",
        "--duration=12s",
    )
    assert run.wait() == 1, run.output
    seen = rows(tmp_path)
    assert max(int(row["listener_held"] or 0) for row in seen) == 50, "workers"
    assert "no answer within the time limit" in {row["version_error"] for row in seen}, "frozen"
    assert max(float(row["version_latency_ms"]) for row in seen if row["version"] == "OK") > 1500, "slow"


@pytest.mark.slow
def test_a_network_that_drops_leaves_the_broker_waiting(processes: Processes, tmp_path: Path) -> None:
    run = rehearse(processes, tmp_path, "--cause", "network:drop", "--subscriptions", "100", "--duration", "12s")
    assert run.wait() in {0, 1, 4}, run.output
    last, rest = rows(tmp_path)[-1], rows(tmp_path)[0]
    assert (last["sent_error"], last["listener_held"], last["close_wait"]) == ("0", "0", "0")
    assert int(last["established"]) == int(rest["established"]) + 100


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGHUP, signal.SIGKILL])
def test_nothing_is_left_behind(processes: Processes, tmp_path: Path, number: signal.Signals) -> None:
    run = rehearse(processes, tmp_path, "--subscriptions", "50", "--duration", "30s")
    run.wait_for("phase observe", 60)
    if number == signal.SIGHUP:
        second = rehearse(processes, tmp_path, "--subscriptions", "50")
        assert second.wait() == 2
        assert "--output: another rehearsal uses " in second.output
    started = psutil.Process(run.pid).children(recursive=True)
    assert len(started) >= 5, "database, broker, inspector, listener, locust"
    os.kill(run.pid, number)
    wait_until_gone(started)
    code = run.wait(15)
    if number == signal.SIGKILL:
        assert code == -signal.SIGKILL
    else:
        assert code == 4
        assert "Verdict: INCONCLUSIVE" in run.output


def test_web(processes: Processes, tmp_path: Path) -> None:
    run = rehearse(processes, tmp_path, "--web", "--subscriptions", "50", "--duration", "8s")
    address = run.wait_for(r"open (http://127\.0\.0\.1:\d+)", 60)[1]
    deadline = time.monotonic() + 20
    while True:
        try:
            assert requests.get(address, timeout=5).status_code == 200
            break
        except requests.ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    started = psutil.Process(run.pid).children(recursive=True)
    run.stop(signal.SIGINT, timeout=15)
    wait_until_gone(started)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--help"], 0, "usage: sh setup_scripts/rehearse.sh"),
        (["--nonsense"], 2, "--nonsense"),
        (["--subscriptions", "x"], 2, "--subscriptions takes"),
        (["--subscriptions"], 2, "--subscriptions needs a value"),
        (["--cause", "nonsense"], 2, "--cause takes one of these, not 'nonsense'"),
        (["--cause=slow", "--cause", "nonsense"], 2, "--cause takes one of these, not 'nonsense'"),
        (
            ["--cause=queue", "--cause=starved"],
            2,
            "--cause queue and --cause starved cannot be combined: both change mode",
        ),
        (["--cause=breaker"], 2, "--cause breaker needs --broker ngsi-ld"),
        (["--broker=ngsi-ld", "--cause=slow"], 2, "--broker ngsi-ld takes one of these as --cause, not 'slow': one-up"),
        (["--broker=ngsi-ld", "--cause=breaker"], 2, "--cause breaker needs --duration 32s or more"),
        (["--ramp=1:2:1", "--cause=slow"], 2, "--ramp can be combined with --failing, --cause workers"),
        (["--duration", "soon"], 2, "--duration takes"),
        (["--duration=2s"], 2, "--duration takes 8s or more"),
        (["--duration", "9" * 400], 2, "--duration takes a duration of at most 1000h"),
        *(([option, "9" * 20], 2, f"{option} takes a whole number from ") for option in NUMBERS),
        (["--nofile", "1"], 2, "--nofile takes a whole number from 100 to 999999, not '1'"),
        (["--leak", "memory:9"], 2, "--leak takes a whole number from 10 to 999999, not '9'"),
        (["--ramp", "5:1:1"], 2, "--ramp takes START:STOP:STEP"),
        (["--output", "/etc/passwd"], 2, "--output takes a folder"),
        (["--\x1b[31m"], 2, "unknown option --[31m"),
    ],
)
def test_command_line(processes: Processes, tmp_path: Path, options: list[str], code: int, words: str) -> None:
    run = processes.start("sh", SCRIPT, *options, name="rehearse")
    assert run.wait() == code, run.output
    assert words in run.output


def test_a_python_that_cannot_run(processes: Processes) -> None:
    run = processes.start("sh", SCRIPT, "--duration", "8s", env={"PYTHON": "/bin/false"})
    assert run.wait() == 3
    assert "needs Python 3.11" in run.output
