"""Runs containers' commands as processes of this host, with its paths, addresses and ports, and a stand-in broker."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.support.processes import ROOT, Process, Processes
from tests.support.stack import LISTENING, free_port

PORTS = {"mongo": 27017, "orion": 1026, "inspector": 18812, "listener": 8090}  # as the files have them
DOCKERFILE = ROOT / "setup_scripts" / "Dockerfile"


def image_says(instruction: str) -> list[str]:
    """Return the words of a Dockerfile instruction that has them in brackets, such as ENTRYPOINT."""
    found = re.search(rf"^{instruction}[^\[]*(\[.*\])$", DOCKERFILE.read_text("utf-8"), re.MULTILINE)
    assert found
    words: list[str] = json.loads(found[1])
    return words


class Host:
    """Runs containers' commands here. No two containers may have the same port, because only its number is known."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        self.processes, self.folder = processes, folder
        self.ports = {name: str(free_port()) for name in PORTS}  # nobody listens there yet
        for made_by_the_image in ("token", "results"):
            (folder / made_by_the_image).mkdir()
        broker = folder / "contextBroker"
        broker.write_text(f'#!/bin/sh\nexec env PYTHONPATH={ROOT} python -m rehearsal "$@"\n', encoding="utf-8")
        broker.chmod(0o755)
        bin_folder = Path(sys.executable).parent
        self.env = {"PATH": f"{bin_folder}:/usr/bin:/bin", "HOME": "/nonexistent"}  # nobody's

    def here(self, word: str) -> str:
        """Return a word of a command with this host's paths, addresses and ports."""
        word = re.sub(r"(?<!\w)/test\b", str(ROOT), word)
        word = re.sub(r"(?<!\w)/(token|results)\b", rf"{self.folder}/\1", word)
        word = word.replace("/usr/bin/contextBroker", f"{self.folder}/contextBroker")
        word = re.sub(r"\bmongo:(?=27017\b)", "127.0.0.1:", word)
        # An address that a part reaches only when it listens beyond 127.0.0.1, as the other containers need it
        word = re.sub(r"\b[a-z][a-z-]+:(?=(?:1026|18812|8090)\b)", "127.0.0.2:", word)
        for name, port in PORTS.items():
            word = re.sub(rf"\b{port}\b", self.ports[name], word)
        return word

    def start(self, name: str, words: Iterable[str], env: Mapping[str, str], *more: str) -> Process:
        """Start a container's command with `more` options, and remember the port that it prints."""
        command = [*map(self.here, words), *more]
        own = {**self.env, **{key: self.here(value) for key, value in env.items()}}
        process = self.processes.start(*command, env=own, cwd=self.folder / "results", name=name)
        if name in PORTS:
            self.ports[name] = process.wait_for(LISTENING)[1]
        return process
