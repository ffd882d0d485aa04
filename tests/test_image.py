"""setup_scripts/Dockerfile, built and run by a real Docker engine, with the commands of docs/containers.md."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Iterator

import pytest

from tests.support.engine import Engine
from tests.support.processes import ROOT

IMAGE = "connections-stress-test"
HARMLESS = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
PARTS = {
    "listener": ("-delay", "5m", "-port", "9000-9001"),  # not its default
    "inspector": (),
    "locust": ("--host", "http://localhost:1026", "--web-host", "127.0.0.1", "--web-port=9002"),
    "worker": ("--worker",),  # which has no port
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone("one engine, not one in each of the workers"),
    pytest.mark.timeout(400),
]


def documented(*begin: str) -> list[str]:
    """Return the page's one command that begins so, with the network that the engine has."""
    text = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
    (found,) = re.findall(rf"(?:^    |`)({' '.join(begin)} [^`\n]+)", text, re.MULTILINE)
    first, second, *rest = shlex.split(found)
    return [first, second, "--network", "none", *rest]


@pytest.fixture(scope="module")
def image(engine: Engine) -> str:
    done = engine.run(*documented("docker", "build"), timeout=300, cwd=ROOT)
    assert done.returncode == 0, done.stdout
    return IMAGE


@pytest.fixture
def parts(engine: Engine, image: str) -> Iterator[dict[str, str]]:
    """The image's parts, each in a container with nothing that it may do."""
    started = {}
    for name, options in PARTS.items():
        part = "locust" if name == "worker" else name
        started[name] = engine.docker("run", "--detach", "--network", "none", *HARMLESS, image, part, *options)
    yield started
    for container in started.values():
        engine.docker("rm", "--force", "--volumes", container)


def state(engine: Engine, container: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(engine.docker("inspect", "--format", "{{json .State}}", container))
    return found


def health(engine: Engine, container: str) -> str:
    return engine.docker("inspect", "--format", "{{.State.Health.Status}}", container)


def test_parts_become_healthy_and_end_when_told(engine: Engine, parts: dict[str, str]) -> None:
    end = time.monotonic() + 60
    while {health(engine, container) for container in parts.values()} != {"healthy"}:
        assert time.monotonic() < end, {name: engine.docker("logs", container) for name, container in parts.items()}
        time.sleep(0.5)
    who = ("python", "-c", "import os; print(os.getuid(), os.getgid())")
    for name, container in parts.items():
        assert engine.docker("exec", container, *who) == "65534 65534"
        if name != "worker":  # one that waits for its master ends when it is killed
            engine.docker("stop", "--time", "30", container)
            assert state(engine, container)["ExitCode"] == 0, engine.docker("logs", container)


@pytest.mark.usefixtures("image")
def test_commands_of_the_page(engine: Engine) -> None:
    limit = engine.run(*documented("docker", "run", "--rm", "--entrypoint"))
    assert re.fullmatch(r"(\d+|unlimited)\n", limit.stdout)
    _, second, *rest = documented("docker", "run", "--rm", IMAGE)
    listener = engine.docker(second, "--detach", *rest)
    end = time.monotonic() + 20
    while "listening on" not in engine.docker("logs", listener):
        assert time.monotonic() < end
        time.sleep(0.2)
    engine.docker("stop", listener)


def test_what_takes_no_connections_is_not_healthy(engine: Engine, image: str) -> None:
    check = "sh /test/setup_scripts/container.sh healthy"
    for before in ("true", "python -m listener -host 127.0.0.2 & sleep 3"):  # nothing there; not where it is asked
        script = f"cd /test; {before}; {check}"
        done = engine.run("docker", "run", "--rm", "--network", "none", "--entrypoint", "sh", image, "-c", script)
        assert done.returncode == 1, done.stdout


def test_another_word_is_told_what_it_may_be(engine: Engine, image: str) -> None:
    for words in ((), ("sh",)):
        done = engine.run("docker", "run", "--rm", "--network", "none", image, *words)
        assert done.returncode == 2
        assert done.stdout.startswith("container.sh: the first word is listener, inspector or locust, not ")
