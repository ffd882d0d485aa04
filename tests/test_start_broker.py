"""setup_scripts/start_broker.sh, with the rehearsal broker as its contextBroker."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import sys
from pathlib import Path

import psutil
import pytest
import requests

from scenario.settings.needs import SPARE_WORKERS
from tests.support.limits import (
    BROKER_LOGINS,
    BROKER_SERVICE,
    FILES,
    NOFILE,
    SCRIPTS,
    THREADS,
    N,
    control_group,
    limited,
    limits,
    login_limits,
    service_limits,
    under_each_shell,
)
from tests.support.processes import ROOT, Process, Processes
from tests.support.stack import LISTENING, Stack

MODE = f"threadpool:60000:{N + SPARE_WORKERS}"
OPTIONS = shlex.split(
    f"-multiservice -notificationMode {MODE} -httpTimeout 600000 -statNotifQueue -statTiming -statSemWait"
    " -statCounters -subCacheIval 0 -reqMutexPolicy none -writeConcern 0"
)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A contextBroker that tells how it was started."""
    broker = tmp_path / "contextBroker"
    stand_in = f'env "PYTHONPATH={ROOT}" "{sys.executable}" -m rehearsal'
    broker.write_text(f'#!/bin/sh\necho "options: $*"\ncat /proc/self/limits\nexec {stand_in} "$@"\n')
    broker.chmod(0o755)
    return broker


def start(
    processes: Processes, shell: str, *options: str | Path, before: list[str] | None = None, folder: Path = SCRIPTS
) -> Process:
    command = [shell, folder / "start_broker.sh", "--subscriptions", str(N), *options]
    return processes.start(*(before or limited()), *command, name="broker")


@under_each_shell
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_broker_with_the_manuals_options_and_limits(
    processes: Processes, mongo: str, program: Path, shell: str, number: signal.Signals
) -> None:
    broker = start(processes, shell, f"--program={program}", "--", "-port", "0", "-dbhost", mongo)
    port = broker.wait_for(LISTENING)[1]
    assert requests.get(f"http://127.0.0.1:{port}/version", timeout=5).json()["orion"]["version"]
    assert f"options: -fg {' '.join(OPTIONS)} -port 0 -dbhost {mongo}\n" in broker.output
    assert limits(broker.output) == {"open files": (str(NOFILE), "6000"), "processes": (str(THREADS), "5000")}
    assert "-m rehearsal" in " ".join(psutil.Process(broker.pid).cmdline())  # in the shell's place
    assert broker.stop(number) == 0


def test_the_preflight_finds_nothing_amiss(stack: Stack, program: Path) -> None:
    more = ["--name", stack.broker_name, "-port", "0", "-dbhost", stack.mongo]
    stack.broker_port = start(stack.processes, "sh", "--program", program, "--", *more).wait_for(LISTENING)[1]
    stack.start_inspector()
    stack.start_listener("5m")
    run = stack.locust("--preflight-only", "--subscriptions", N)
    assert run.wait(30) == 0, run.output
    assert not re.findall(r"preflight: (?!ok).*", run.output)
    assert MODE in run.output


@under_each_shell
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"nofile": "1024:4096"},
            f"the broker needs {NOFILE} open files for {N} subscriptions, but the limit of this shell is 4096",
        ),
        (
            {"nproc": "1600:1699"},
            f"the broker needs {THREADS} processes for {N} subscriptions, but the limit of this shell is 1699",
        ),
    ],
)
def test_limits_that_cannot_be_raised(
    processes: Processes, program: Path, shell: str, given: dict[str, str], sentence: str
) -> None:
    broker = start(processes, shell, "--program", program, before=limited(**given))
    assert broker.wait(10) == 3
    remedy = rf"{SCRIPTS}/raise_limits.sh --write --host broker --subscriptions {N} --user \w+, then log in again"
    assert re.fullmatch(f"start_broker.sh: {sentence}: as root, sh {remedy}\n", broker.output), broker.output


@under_each_shell
def test_a_control_group_with_too_few_threads(processes: Processes, program: Path, shell: str) -> None:
    with control_group(str(THREADS - 1)) as inside:
        broker = start(processes, shell, "--program", program, before=[*limited(), *inside])
        assert broker.wait(10) == 3
    assert broker.output.startswith(
        f"start_broker.sh: the broker needs {THREADS} threads, but pids.max of this control group is {THREADS - 1}: "
    )
    assert broker.output.count("\n") == 1


@under_each_shell
@pytest.mark.parametrize("name", ["contextBroker-of-nowhere", "/no/such/contextBroker", "/etc/passwd", "/tmp"])
def test_no_such_program(processes: Processes, shell: str, name: str) -> None:
    broker = start(processes, shell, "--program", name)
    assert broker.wait(10) == 3
    assert broker.output.startswith(f"start_broker.sh: program {name} not found: ")
    assert broker.output.count("\n") == 1


@under_each_shell
def test_what_service_mode_takes(processes: Processes, tmp_path: Path, shell: str) -> None:
    copy = shutil.copytree(SCRIPTS, tmp_path / "setup scripts")  # nothing else of the repository is needed
    printed = start(processes, shell, "--print", "--", "-logLevel", "WARN", folder=copy)
    assert printed.wait(10) == 0
    texts = dict(re.findall(r"^# /([^\s,]+).*\n((?:[^#\n].*\n)+)", printed.output, re.MULTILINE))
    assert [*texts] == ["etc/sysconfig/contextBroker", FILES["broker"], FILES["logins"]]
    name, value = shlex.split(texts["etc/sysconfig/contextBroker"])[0].split("=", 1)
    assert (name, value.split()) == ("BROKER_EXTRA_OPS", [*OPTIONS, "-logLevel", "WARN"])
    assert service_limits(texts[FILES["broker"]]) == BROKER_SERVICE
    assert login_limits(texts[FILES["logins"]]) == {("orion", *limit) for limit in BROKER_LOGINS}


@under_each_shell
@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--subscriptions", "5k"], "--subscriptions"),
        (["--subscriptions="], "--subscriptions"),
        (["--program"], "--program"),
        (["-port", "1026"], "-port"),
        (["--print", "--", "-db", "two words"], "two words"),
        (["--print", "--", "-db", "$(id)"], "--print"),
    ],
)
def test_bad_options_are_one_sentence(processes: Processes, shell: str, options: list[str], named: str) -> None:
    broker = start(processes, shell, *options)
    assert broker.wait(10) == 2
    assert broker.output.startswith("start_broker.sh: ")
    assert named in broker.output
    assert broker.output.count("\n") == 1
