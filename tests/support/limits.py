"""Limits for the tests of the setup scripts: what a broker for N subscriptions needs, and how to start with less."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scenario.preflight.limits import descriptors
from scenario.settings.needs import SPARE
from tests.support.holds import options
from tests.support.processes import ROOT

SCRIPTS = ROOT / "setup_scripts"
SHELLS = [name for name in ("dash", "bash") if shutil.which(name)] or ["sh"]
N = 1500
NOFILE, THREADS = descriptors(options(subscriptions=N)), N + SPARE  # what the broker needs for N
FILES = {
    "logins": "etc/security/limits.d/99-connections-stress-test.conf",
    "broker": "etc/systemd/system/contextBroker.service.d/99-connections-stress-test.conf",
    "listener": "etc/systemd/system/slow-listener.service.d/99-connections-stress-test.conf",
}
under_each_shell = pytest.mark.parametrize("shell", SHELLS)


def limited(nofile: str = "1024:6000", nproc: str = "1600:5000") -> list[str]:
    """Return the words that start a command with these limits (soft:hard) and without the right to raise them."""
    command = ["prlimit", f"--nofile={nofile}", f"--nproc={nproc}"]
    return [*command, *["setpriv", "--bounding-set", "-sys_resource"] * (os.getuid() == 0)]


def limits(output: str) -> dict[str, tuple[str, str]]:
    """Return (soft, hard) limits by name, from the text of /proc/self/limits."""
    found = re.findall(r"^Max (open files|processes) +(\S+) +(\S+)", output, re.MULTILINE)
    return {name: (soft, hard) for name, soft, hard in found}


@contextmanager
def control_group(threads: str) -> Iterator[list[str]]:
    """Create a control group for at most `threads` ("max": no limit). Yield the words that start a command in it."""
    base = Path("/sys/fs/cgroup/pids")
    group = (base if base.exists() else base.parent) / f"test-{uuid.uuid4().hex[:8]}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"cannot make a control group: {error}")
    try:
        if not (group / "pids.max").exists():
            pytest.skip("the pids controller is not on")
        (group / "pids.max").write_text(threads)
        yield ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(group)]
    finally:
        group.rmdir()


def login_limits(text: str) -> set[tuple[str, ...]]:
    """Return the lines of a limits.d file, as words."""
    return {tuple(line.split()) for line in text.splitlines() if line and not line.startswith("#")}


def service_limits(text: str) -> dict[str, str]:
    """Return the [Service] section of a unit or drop-in; fail on anything that is not strictly its format."""
    unit = configparser.ConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#",), interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(text)
    return dict(unit["Service"])


BROKER_SERVICE = {"LimitNOFILE": str(NOFILE), "LimitNPROC": str(THREADS), "TasksMax": str(THREADS)}
BROKER_LOGINS = {
    (kind, limit, str(value)) for kind in ("soft", "hard") for limit, value in (("nofile", NOFILE), ("nproc", THREADS))
}
