"""setup_scripts/docker-compose.yml, as far as it can be tried without Docker: its schema, its names, its commands.

The commands run as they stand there, with this host's paths, addresses and ports: the rehearsal's broker as Orion, the
session's SecantusDB as MongoDB. Ports are told apart by their number, so no two services may have the same one.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from tests.support.processes import ROOT, Process, Processes
from tests.support.stack import LISTENING, free_port

FILE = ROOT / "setup_scripts" / "docker-compose.yml"
EXACT = re.compile(r"[a-z]+(/[a-z-]+)?:\d+\.\d+\.\d+(-[a-z]+)*")  # name:major.minor.patch-variant
WRITTEN = {"mongo": 27017, "orion": 1026, "inspector": 18812, "listener": 8090}  # ports, as the file has them
EPHEMERAL = 60_999 - 32_768 + 1  # Linux' default ip_local_port_range, ip(7)

Service = dict[str, Any]


def services(**environment: str) -> dict[str, Service]:
    """Return the services with their variables filled in, as Compose does."""
    found: dict[str, Service] = filled_in(yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"], environment)
    return found


def filled_in(value: Any, environment: dict[str, str]) -> Any:
    """Return a YAML value with `$$` and `${NAME:-default}` replaced; the file has no other form."""
    if isinstance(value, dict):
        return {key: filled_in(entry, environment) for key, entry in value.items()}
    if isinstance(value, list):
        return [filled_in(entry, environment) for entry in value]
    if not isinstance(value, str):
        return value
    assert not re.search(r"\$(?!\$|\{\w+:-)", value.replace("$$", "")), value
    return re.sub(
        r"\$(?:\$|\{(\w+):-([^}]*)\})", lambda found: environment.get(found[1]) or found[2] if found[1] else "$", value
    )


class Host:
    """Runs the services' commands here."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        self.processes, self.folder = processes, folder
        self.ports = {name: str(free_port()) for name in WRITTEN}  # nobody listens there yet
        for made_by_the_image in ("token", "results"):
            (folder / made_by_the_image).mkdir()
        bin_folder = Path(sys.executable).parent
        self.env = {"PATH": f"{bin_folder}:/usr/bin:/bin", "HOME": "/nonexistent"}  # nobody's

    def here(self, word: str) -> str:
        """Return a word of a command with this host's paths, addresses and ports."""
        word = re.sub(r"(?<!\w)/test\b", str(ROOT), word)
        word = re.sub(r"(?<!\w)/(token|results)\b", rf"{self.folder}/\1", word)
        word = re.sub(r"\bmongo:(?=27017\b)", "127.0.0.1:", word)
        # An address that a part reaches only when it listens beyond 127.0.0.1, as the other containers need it
        word = re.sub(r"\b(orion:(?=(?:1026|18812)\b)|listener:(?=8090\b))", "127.0.0.2:", word)
        for name, port in WRITTEN.items():
            word = re.sub(rf"\b{port}\b", self.ports[name], word)
        return word

    def start(self, name: str, service: Service, *more: str) -> Process:
        """Start a service with more options; remember the port that it says it listens on."""
        words = [self.here(word) for word in (*service.get("entrypoint", ()), *service.get("command", ()))]
        if name == "orion":
            assert words.pop(0) == "/usr/bin/contextBroker"
            words = ["python", str(ROOT / "setup_scripts" / "rehearsal_broker.py"), *words]
        env = {**self.env, **service.get("environment", {})}
        folder = Path(self.here(service.get("working_dir", "/test")))
        process = self.processes.start(*words, *more, env=env, cwd=folder, name=name)
        if name in WRITTEN:
            self.ports[name] = process.wait_for(LISTENING)[1]
        return process

    def is_healthy(self, service: Service) -> bool:
        """Run the healthcheck."""
        kind, *words = service["healthcheck"]["test"]
        assert kind == "CMD"
        done = subprocess.run(
            [self.here(word) for word in words], env=self.env, timeout=10, check=False, capture_output=True
        )
        return done.returncode == 0


def test_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def test_what_neither_schema_nor_this_host_shows() -> None:
    written = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    found = services()
    for name, service in found.items():
        for other, wanted in service.get("depends_on", {}).items():
            assert wanted == {"condition": "service_healthy"}
            assert "healthcheck" in found[other], f"{name} waits for {other}"
        volumes = {volume.partition(":")[0] for volume in service.get("volumes", ())}
        assert volumes <= {"..", *written["volumes"]}, name
    assert found["listener"]["command"][-2:] == ["-admin", "any"]  # on one host everybody is loopback
    assert found["locust"]["depends_on"].keys() == found.keys() - {"locust"}
    assert [published for service in found.values() for published in service.get("ports", ())] == [
        "127.0.0.1:8089:8089"
    ]


def test_inspector_can_look_into_orion() -> None:
    inspector, orion = services()["inspector"], services()["orion"]
    assert inspector["user"] == orion["user"] == "65534:65534"  # Debian's nobody and nogroup, as in Orion's image
    assert inspector["pid"] == inspector["network_mode"] == "service:orion"
    assert list(inspector["depends_on"]) == ["orion"]


def test_images_are_exact() -> None:
    for name, service in services().items():
        dockerfile = service.get("build", {}).get("dockerfile_inline", f"FROM {service.get('image')}")
        image = dockerfile.splitlines()[0].removeprefix("FROM ")
        assert EXACT.fullmatch(image), name


def test_limits_are_those_for_a_listeners_every_port() -> None:
    found = services()
    assert found["orion"]["ulimits"]["nofile"] >= 3 * EPHEMERAL + 200 == 84_896
    assert found["orion"]["ulimits"]["nproc"] >= EPHEMERAL + 200
    assert found["listener"]["ulimits"]["nofile"] >= EPHEMERAL + 200


def test_subscriptions_reach_orion_and_locust() -> None:
    for given, expected in (({}, "5000"), ({"SUBSCRIPTIONS": "60"}, "60")):
        found = services(**given)
        assert f"threadpool:60000:{expected}" in found["orion"]["command"]
        assert f"--subscriptions={expected}" in found["locust"]["entrypoint"]


@pytest.mark.parametrize("token", ["", "given"])
def test_parts_fit_together(processes: Processes, mongo: str, tmp_path: Path, token: str) -> None:
    found = services(SUBSCRIPTIONS="60", INSPECTOR_TOKEN=token)
    host = Host(processes, tmp_path)
    watched = {name: service for name, service in found.items() if "healthcheck" in service}
    assert not any(host.is_healthy(service) for service in watched.values())
    host.ports["mongo"] = mongo.rpartition(":")[2]
    host.start("orion", found["orion"], "-port", "0", "-localIp", "0.0.0.0")  # Orion's own default
    host.start("inspector", found["inspector"], "--port", "0")
    host.start("listener", found["listener"], "-port", "0")
    assert {name: host.is_healthy(service) for name, service in watched.items()} == dict.fromkeys(WRITTEN, True)
    token_file = tmp_path / "token" / "inspector"
    written = token_file.read_text(encoding="ascii").strip()
    assert token_file.stat().st_mode & 0o777 == 0o600
    assert written == token if token else len(written) == 64
    locust = host.start("locust", found["locust"], "--headless", "--preflight-only")
    assert locust.wait() == 0, locust.output
    states = dict(re.findall(r"preflight: (\w+) +(.+?) {2,}", locust.output))
    assert states.keys() == {"ok"}, locust.output
    assert re.search(r"inspector +process \d+ \(contextBroker\)", locust.output)


def test_web_ui_starts(processes: Processes, tmp_path: Path) -> None:
    host = Host(processes, tmp_path)
    (tmp_path / "token" / "inspector").write_text("any", encoding="ascii")
    locust = host.start("locust", services()["locust"], "--web-host", "127.0.0.1", "--web-port", host.ports["orion"])
    locust.wait_for("Starting web interface")
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=Retry(connect=20, backoff_factor=0.1)))
    page = session.get(f"http://127.0.0.1:{host.ports['orion']}/", timeout=10)
    assert f"http://127.0.0.2:{host.ports['listener']}/notify" in page.text
