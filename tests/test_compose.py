"""setup_scripts/docker-compose.yml: its schema, its commands as processes of this host, and all of it on an engine."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from tests.support.containers import DOCKERFILE, Host, image_says
from tests.support.engine import Engine
from tests.support.processes import ROOT, Process, Processes

FILE = ROOT / "setup_scripts" / "docker-compose.yml"
EXACT = re.compile(r"[a-z]+(/[a-z-]+)?:\d+\.\d+\.\d+(-[a-z]+)*")  # name:major.minor.patch-variant

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


def test_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def test_what_neither_schema_nor_this_host_shows() -> None:
    written = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    found = services()
    for name, service in found.items():
        assert all(wanted == {"condition": "service_healthy"} for wanted in service.get("depends_on", {}).values())
        volumes = {volume.partition(":")[0] for volume in service.get("volumes", ())}
        assert volumes <= written["volumes"].keys(), name
    assert found["listener"]["command"][-2:] == ["-admin", "any"]  # on one host everybody is loopback
    assert found["locust"]["depends_on"].keys() == found.keys() - {"locust"}
    published = [port for service in found.values() for port in service.get("ports", ())]
    assert published == ["127.0.0.1:8089:8089"]


def test_no_container_may_do_more_than_it_needs() -> None:
    for name, service in services().items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"], name
        assert service.get("user", "65534:65534").split(":")[0] != "0", name
        assert not {"privileged", "cap_add", "devices"} & service.keys(), name
        assert "start_interval" not in service.get("healthcheck", {}), "engines before 25 refuse it"


def test_inspector_can_look_into_orion() -> None:
    inspector, orion = services()["inspector"], services()["orion"]
    own = re.findall(r"^USER (.*)", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [orion["user"]] == own == ["65534:65534"]  # Debian's nobody and nogroup, as in Orion's image
    assert inspector["pid"] == inspector["network_mode"] == "service:orion"
    assert list(inspector["depends_on"]) == ["orion"]


def test_one_image_is_built_once_and_the_others_are_exact() -> None:
    found = services()
    assert [name for name, service in found.items() if "build" in service] == ["listener"]
    base = re.findall(r"^FROM (.*)", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    pulled = [service["image"] for service in found.values() if service["image"] != "connections-stress-test"]
    assert len(pulled) == 2
    for image in (*base, *pulled):
        assert EXACT.fullmatch(image), image


@pytest.mark.parametrize("given", ["5000", "60"])
def test_subscriptions_reach_orion_and_locust(given: str) -> None:
    found = services(SUBSCRIPTIONS=given)
    assert found["orion"]["entrypoint"][-1] == given
    assert f"--subscriptions={given}" in found["locust"]["entrypoint"]


def started(count: str, hard: int) -> str:
    """Return Orion's soft limit on open files, where the engine allows `hard`, and the options that it is given."""
    script = services()["orion"]["entrypoint"][2].replace("exec /usr/bin/contextBroker", "ulimit -Sn; echo")
    done = subprocess.run(
        ["sh", "-c", f'ulimit -n {hard}; exec sh -c "$0" "$1" -fg', script, count],
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.replace("\n", " ").strip()


def test_orions_descriptors_follow_the_subscriptions_as_far_as_the_engine_lets_them() -> None:
    assert started("100", 2000) == "1110 -notificationMode threadpool:60000:300 -fg"
    assert started("300", 1000) == "1000 -notificationMode threadpool:60000:500 -fg"


def words(service: Service) -> list[str]:
    """Return the words that a service's container starts with."""
    return [*service.get("entrypoint", image_says("ENTRYPOINT")), *service.get("command", ())]


def test_parts_fit_together(processes: Processes, mongo: str, tmp_path: Path) -> None:
    found = services(SUBSCRIPTIONS="60")
    host = Host(processes, tmp_path)
    host.ports["mongo"] = mongo.rpartition(":")[2]

    def start(name: str, *more: str) -> Process:
        return host.start(name, words(found[name]), found[name].get("environment", {}), *more)

    def orion_is_healthy() -> bool:
        command = [host.here(word) for word in found["orion"]["healthcheck"]["test"][1:]]
        return subprocess.run(command, timeout=10, check=False, capture_output=True).returncode == 0

    assert not orion_is_healthy()
    start("orion", "-port", "0", "-localIp", "0.0.0.0")  # Orion's own default
    assert orion_is_healthy()
    start("inspector", "--port", "0")
    start("listener", "-port", "0")
    token_file = tmp_path / "token" / "inspector"
    assert len(token_file.read_text(encoding="ascii").strip()) == 64
    assert token_file.stat().st_mode & 0o777 == 0o600
    locust = start("locust", "--headless", "--preflight-only")
    assert locust.wait() == 0, locust.output
    states = re.findall(r"preflight: (\w+) +(.+?) {2,}", locust.output)
    elsewhere = ("warning", "broker's database")  # for here the broker and its database have different addresses
    assert {state for state in states if state != elsewhere and state[0] != "ok"} == set(), locust.output
    assert re.search(r"inspector +process \d+ \(contextBroker\)", locust.output)


def test_web_ui_starts(processes: Processes, tmp_path: Path) -> None:
    host, locust = Host(processes, tmp_path), services()["locust"]
    (tmp_path / "token" / "inspector").write_text("any", encoding="ascii")
    port = host.ports["orion"]
    started = host.start("locust", words(locust), locust["environment"], "--web-host", "127.0.0.1", "--web-port", port)
    started.wait_for("Starting web interface")
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=Retry(connect=20, backoff_factor=0.1)))
    page = session.get(f"http://127.0.0.1:{port}/", timeout=10)
    assert page.status_code == 200
    assert f"http://127.0.0.2:{port}" in page.text  # the broker's, as Locust shows it


def commands(page: Path, begin: str) -> list[str]:
    """Return what a page has docker compose do."""
    lines = re.sub(rf"\\\n{begin} *", "", page.read_text(encoding="utf-8"))
    return re.findall(rf"^{begin} +docker compose -f setup_scripts/docker-compose.yml (.*)", lines, re.MULTILINE)


def test_the_page_has_the_files_commands() -> None:
    assert commands(ROOT / "docs" / "containers.md", "   ") == commands(FILE, "# ") != []


ON_LOOPBACK = """
services:  # all share one network namespace, which has nothing but a loopback interface
  mongo:
    image: mongo
    user: "65534:65534"
    network_mode: none
    extra_hosts: ["mongo:127.0.0.1", "orion:127.0.0.1", "listener:127.0.0.1"]
  orion:
    network_mode: service:mongo
  listener:
    build: { network: none }
    network_mode: service:mongo
  locust:
    network_mode: service:mongo
    ports: !reset []
"""


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_all_of_it_on_an_engine(engine: Engine, compose: Path, tmp_path: Path) -> None:
    loopback = tmp_path / "loopback.yml"
    loopback.write_text(ON_LOOPBACK, encoding="utf-8")
    env = {"SUBSCRIPTIONS": "1000", "ORION_IMAGE": "orion"}
    up, headless, results = commands(FILE, "# ")

    def run(words: str, timeout: float = 200) -> subprocess.CompletedProcess[str]:
        script = f"cd {tmp_path} && {compose} -f {FILE} -f {loopback} {words}"
        return engine.run("sh", "-c", script, env=env, timeout=timeout)

    try:
        done = run(f"{headless} --baseline 2 --duration 12s")
        assert done.returncode == 0, done.stdout
        assert re.search("held: (99.|1000) of 1000 at one time", done.stdout)
        assert "healthy subscribers: 10 of 10 notified each second" in done.stdout
        assert len(re.findall("Successfully built", done.stdout)) == 1
        failed = run(f"{headless} --baseline 2 --duration 12s --limit 'version_max<0.1'")
        assert failed.returncode == 1, failed.stdout
        done = run(results)
        assert {"run.html", "run_connections.csv"} <= {path.name for path in tmp_path.iterdir()}, done.stdout
        assert run(f"{up} --detach", timeout=100).returncode == 0
        page = "from urllib.request import urlopen; print(urlopen('http://127.0.0.1:8089/', timeout=5).status)"
        end = time.monotonic() + 30
        while (seen := run(f'exec -T locust python -c "{page}"')).returncode:
            assert time.monotonic() < end, seen.stdout
        assert seen.stdout.strip() == "200"
    finally:
        down = run("down --volumes --timeout 10")
    assert down.returncode == 0, down.stdout
    assert engine.docker("ps", "--all", "--quiet") == ""
