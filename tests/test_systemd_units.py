"""The units in setup_scripts/systemd: as systemd reads them, and what they start."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from scenario.errors import InspectionError
from scenario.peers.inspector import Inspector
from scenario.settings.needs import SPARE
from tests.support.limits import SCRIPTS, service_limits
from tests.support.processes import ROOT, Process, Processes
from tests.support.stack import LISTENING

UNITS = {path.stem: path for path in sorted((SCRIPTS / "systemd").iterdir())}
INSTALLED = "/opt/connections-stress-test"


def here(text: str, folder: Path) -> str:
    """Return a unit with the paths of this machine instead of the installed ones; write a token."""
    token = folder / "inspector.token"
    token.write_text("open sesame, please\n")
    for venv in ("inspector-venv", "listener-venv"):
        text = text.replace(f"{INSTALLED}/{venv}/bin/python", sys.executable)
    text = text.replace(f"{INSTALLED}/inspector ", f"{SCRIPTS / 'inspector'} ")
    return text.replace("/etc/connections-stress-test/inspector.token", str(token)).replace(INSTALLED, str(ROOT))


def start(processes: Processes, name: str, folder: Path, *port: str) -> tuple[Process, int]:
    """Run a unit's command where it says, on a free port."""
    service = service_limits(here(UNITS[name].read_text(encoding="utf-8"), folder))
    where = Path(service.get("WorkingDirectory", "/"))
    process = processes.start(*shlex.split(service["ExecStart"]), *port, cwd=where, name=name)
    return process, int(process.wait_for(LISTENING)[1])


@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_it(name: str, tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    unit = tmp_path / UNITS[name].name
    unit.write_text(here(UNITS[name].read_text(encoding="utf-8"), tmp_path))
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)]
    seen = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    if "recursive-errors" in seen.stderr:
        pytest.skip("needs systemd 250")
    assert (seen.returncode, seen.stdout + seen.stderr) == (0, "")


@pytest.mark.parametrize("name", UNITS)
def test_it_exposes_little(name: str) -> None:
    """2.0 of 10 at most, which is 20 here."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", str(UNITS[name])]
    seen = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    if "unrecognized option" in seen.stderr:
        pytest.skip("needs systemd 250")
    assert seen.returncode == 0, seen.stdout + seen.stderr


def test_what_they_install_is_pinned_as_for_the_scenario() -> None:
    needed = (ROOT / "requirements.txt").read_text(encoding="utf-8").split("\n")
    installed = {name: re.findall("'(.*?)'", unit.read_text(encoding="utf-8")) for name, unit in UNITS.items()}
    assert set(installed["connection-inspector"]) == {line for line in needed if line.startswith(("psutil", "rpyc"))}
    assert set(installed["slow-listener"]) == {line for line in needed if line.startswith("gevent")}


def test_the_inspector_starts_as_its_unit_says(processes: Processes, tmp_path: Path) -> None:
    process, port = start(processes, "connection-inspector", tmp_path, "--port", "0", "--process-name", "nobody's")
    inspector = Inspector("127.0.0.1", port, 1, token="open sesame, please")
    with pytest.raises(InspectionError, match="says: no process on"):
        inspector.inspect()
    assert "0.0.0.0" in process.output
    assert process.stop() == 0


def test_the_listener_starts_as_its_unit_says(processes: Processes, tmp_path: Path) -> None:
    process, port = start(processes, "slow-listener", tmp_path, "-port", "0")
    stats = requests.get(f"http://127.0.0.1:{port}/-/stats", timeout=5).json()
    assert (stats["delay"], stats["received"]) == (300, 0)
    assert process.stop() == 0


def test_the_inspector_sees_the_brokers_process() -> None:
    service = service_limits(UNITS["connection-inspector"].read_text(encoding="utf-8"))
    assert service["User"] == "orion"
    assert service["Restart"] == "always"
    assert "RemoveIPC" not in service, "orion's IPC is the broker's"
    hiding = {"ProtectProc", "ProcSubset", "PrivateUsers", "PrivateNetwork", "PrivatePIDs", "DynamicUser"}
    assert not hiding & service.keys()
    assert "AF_NETLINK" in service["RestrictAddressFamilies"]  # it asks the kernel for its sockets


def test_the_listeners_descriptors_are_enough() -> None:
    assert int(service_limits(UNITS["slow-listener"].read_text(encoding="utf-8"))["LimitNOFILE"]) == 5000 + SPARE


def test_the_listeners_drop_in_is_for_its_unit(processes: Processes, tmp_path: Path) -> None:
    script = SCRIPTS / "raise_limits.sh"
    assert processes.start("sh", script, "--write", "--root", tmp_path, "--host=listener").wait(10) == 0
    assert [path.name for path in (tmp_path / "etc/systemd/system").iterdir()] == [f"{UNITS['slow-listener'].name}.d"]
