"""Real processes for the tests: started on free ports, watched through their output, ended by their id."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]


class Process:
    """One child process whose output (stdout and stderr together) goes to a file."""

    def __init__(self, command: list[str], log: Path, env: dict[str, str], cwd: Path) -> None:
        self.command, self.log = command, log
        with log.open("wb") as output:
            self.popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                preexec_fn=_heed_signals,  # noqa: PLW1509 - it takes no lock that a thread might hold
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def output(self) -> str:
        """Everything printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, pattern: str, timeout: float = 20.0) -> re.Match[str]:
        """Return the first match of `pattern` in the output; fail when it does not come within `timeout` s."""
        end = time.monotonic() + timeout
        while not (found := re.search(pattern, self.output, re.MULTILINE)):
            ended = self.popen.poll()
            if ended is not None and not re.search(pattern, self.output, re.MULTILINE):
                raise AssertionError(f"{self.command} ended ({ended}) without {pattern!r}:\n{self.output}")
            if time.monotonic() > end:
                raise AssertionError(f"{self.command}: no {pattern!r} within {timeout} s:\n{self.output}")
            time.sleep(0.02)
        return found

    def wait(self, timeout: float = 60.0) -> int:
        """Wait for the end; return the exit code (negative: the signal that killed it)."""
        return self.popen.wait(timeout)

    def stop(self, with_signal: int = signal.SIGTERM, timeout: float = 10.0) -> int:
        """Send `with_signal`, wait for the end, return the exit code."""
        if self.popen.poll() is None:
            os.kill(self.pid, with_signal)
        return self.wait(timeout)


def _heed_signals() -> None:
    """Undo what nohup and a shell's & hand down: a process that they start ignores these from birth."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


class Processes:
    """Starts processes; `close` ends all of them and their children, and fails when one had to be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[Process] = []

    def start(
        self, *command: str | int | Path, env: dict[str, str] | None = None, cwd: Path = ROOT, name: str = ""
    ) -> Process:
        """Start a command. `env` is added to this process's environment. "python" is this interpreter."""
        words = [sys.executable if word == "python" else str(word) for word in command]
        log = self.folder / f"{len(self.started)}-{name or Path(words[-1]).name or 'process'}.log"
        # gevent's MonkeyPatchWarning is an error: something opened sockets before Locust was imported
        strict = {"PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "error:Monkey-patching", "LOCUST_SKIP_MONKEY_PATCH": ""}
        process = Process(words, log, {**os.environ, **strict, **(env or {})}, cwd)
        self.started.append(process)
        return process

    def close(self) -> None:
        """End what still runs: SIGTERM first; what ignores it for 10 s is killed and named."""
        stubborn = []
        for process in reversed(self.started):
            family = _family(process.pid)
            for member in family:
                _send(member, signal.SIGTERM)
            alive = still_there(family, 10)
            for member in alive:
                stubborn.append(f"{member} of {process.command}")
                _send(member, signal.SIGKILL)
            still_there(alive, 5)
            if process.popen.poll() is None:
                process.popen.wait(5)
        assert not stubborn, f"had to be killed: {stubborn}"


def still_there(processes: list[psutil.Process], timeout: float) -> list[psutil.Process]:
    """Return those that have not ended within `timeout` s."""
    try:
        return list(psutil.wait_procs(processes, timeout)[1])
    except FileNotFoundError:  # pidfd_open(2) of one that is just ending, on Linux 6.18; psutil 7.2 expects ESRCH
        return still_there([process for process in processes if process.is_running()], timeout)


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [*parent.children(recursive=True), parent]
    except psutil.NoSuchProcess:
        return []


def _send(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
