"""Causes, for real: `rehearse.sh --cause NAME` makes it happen, and the verdict names it. Over rows: test_diagnosis.py.

One of them and select() are run each time; `run_tests.sh -m slow` runs all.
"""

from __future__ import annotations

import csv
import os
import platform
import re
import socket
import subprocess
from pathlib import Path

import pytest

from scenario.verdict.causes import CAUSES
from tests.support.processes import ROOT, Process, Processes

SCRIPT = "setup_scripts/rehearse.sh"
NAMES = {cause.says: cause.name for cause in CAUSES}
EACH_TIME = ("answered-for-receivers",)  # and select: --failing
OTHER_WAYS = (
    "answered-at-once:errors",
    "answered-for-receivers:at-once",
    "answered-for-receivers:swallows",
    "broker-dies:gateway",
    "frozen:gateway",
    "listeners-not-reached:name",
    "listeners-not-reached:other",
)
OUTSIDE = {cause.name for cause in CAUSES if cause.outside}
INCONCLUSIVE = OUTSIDE | {
    *(
        "privilege",
        "listener-nofile",
        "stale-cache",
        "transient",
        "statistics",
        "network",
        "http-timeout",
        "listener-closes",
    )
}


def rehearse(processes: Processes, folder: Path, *options: str) -> Process:
    sizes = ("--subscriptions", "350", "--duration", "12s")
    return processes.start("sh", SCRIPT, *sizes, "--output", folder / "out", *options, name="rehearse")


def named(run: Process) -> list[str]:
    """Return the causes' names as the console has them."""
    sentences = re.findall(r"  cause: (.*)", run.output)
    return [next((name for sentence, name in NAMES.items() if text.startswith(sentence)), text) for text in sentences]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "out" / "rehearsal_connections.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "cause",
    [
        pytest.param(name, marks=[] if name in EACH_TIME else pytest.mark.slow)
        for name in (*NAMES.values(), *OTHER_WAYS)
    ],
)
def test_cause_is_named_first(processes: Processes, tmp_path: Path, cause: str) -> None:
    if cause == "privilege" and os.getuid() != 0:
        pytest.skip("only root can start the inspector as another user")
    if cause == "ports" and tuple(map(int, platform.release().split(".")[:2])) < (6, 3):
        pytest.skip("needs Linux 6.3")
    if cause == "dead-address" and socket.getaddrinfo("localhost", 80)[0][0] != socket.AF_INET6:
        pytest.skip("localhost has no IPv6 address, or it is not tried first")
    run = rehearse(processes, tmp_path, "--cause", cause)
    name = cause.partition(":")[0]
    assert run.wait(90) == (4 if name in INCONCLUSIVE else 1), run.output
    first, *others = named(run)
    # on a host without a CPU to spare it may be slow for that: then it says perhaps
    assert first == name or (cause == "slow" and first.startswith("perhaps slow;")), run.output
    assert not others, run.output
    log = (tmp_path / "out" / "connections_stress_tests.log").read_text(encoding="utf-8")
    sentences = [line.partition("cause: ")[2] for line in run.output.splitlines() if "  cause: " in line]
    assert [line.partition("cause: ")[2] for line in log.splitlines() if "  cause: " in line] == sentences


def test_failing_broker_answers_again_once_the_idle_clients_let_go(processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    run = rehearse(processes, tmp_path, "--failing")
    assert run.wait(90) == 1, run.output
    version = [row["version"] for row in rows(tmp_path)]
    assert re.fullmatch(r"(OK ){4,}(NOK ){2,}(OK ){3,}", " ".join(version) + " "), version
    assert re.search(r"rows NOK .* after the idle clients connected.*; OK again in all \d+ rows since", run.output)
    failed = [row for row in rows(tmp_path) if row["version"] == "NOK"]
    assert {row["version_error"] for row in failed} <= {"closed without an answer", "connection reset"}
    evidence = (tmp_path / "out" / "rehearsal_evidence.txt").read_text(encoding="utf-8")
    assert len(evidence) < 20_000
    assert "free numbers below 1024: 0" in evidence
    assert re.search(r"^ +\d+  TCP \S+ \(LISTEN\)$", evidence, re.MULTILINE)
    assert re.search(r"^ +\d{4}  free$", evidence, re.MULTILINE)
    report = (tmp_path / "out" / "rehearsal.html").read_text(encoding="utf-8")
    assert "free numbers below 1024: 0" in report
    assert "server uses select()" in report
    assert re.search(r'^listener \S+: \{.*"held":350\b.*"received":0\b', evidence, re.MULTILINE)


def test_list_has_every_cause() -> None:
    listed = subprocess.run(["sh", SCRIPT, "--cause", "list"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(NAMES.values()) <= {line.partition(" ")[0] for line in listed.stdout.splitlines()}


def test_cause_that_there_is_not(processes: Processes) -> None:
    run = processes.start("sh", SCRIPT, "--cause", "nonsense")
    assert run.wait() == 2
    assert "--cause takes one of these, not 'nonsense'" in run.output
