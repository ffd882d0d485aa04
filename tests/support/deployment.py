"""docs/several-hosts.md, word for word: each of its commands on a host of its own."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.support.hosts import Hosts
from tests.support.processes import ROOT, Process, Processes
from tests.support.stack import LISTENING, Stack, free_port

LISTENERS, WORKERS = ("listener1", "listener2"), ("worker1", "worker2")
NAMES = ("orion", "mongo", "master", *LISTENERS, *WORKERS)
SUBSCRIPTIONS = 200
_PROGRAMS = {  # on the hosts' PATH; what this machine need not have is stood in for
    "contextBroker": f"exec env PYTHONPATH={ROOT} {sys.executable} -m rehearsal -localIp 0.0.0.0",
    "mongod": "shift; exec .venv/bin/secantusd-py --standalone --storage-path :memory: --host 0.0.0.0 --port 27017",
}


def _page() -> str:
    return (ROOT / "docs" / "several-hosts.md").read_text(encoding="utf-8")


@cache
def _chapter() -> list[tuple[list[str], str]]:
    """Return the page's commands in its order, each with the words that say on which hosts."""
    code = "\n".join(re.findall(r"^    (.*)", _page().partition("\n## ")[0], re.MULTILINE)).replace("\\\n", "")
    blocks = [block.partition("\n") for block in re.split(r"^# ", code, flags=re.MULTILINE)[1:]]
    return [(re.split(r"[,:]", title)[0].split(), line) for title, _, lines in blocks for line in lines.splitlines()]


def commands(host: str, *words: str) -> list[str]:
    """Return the page's commands for a host that have one of `words` in them."""
    return [line for hosts, line in _chapter() if host in hosts and any(word in line for word in words)]


class Deployment(Stack):
    """Starts the parts as the page says, smaller and shorter, from one folder that is laid out as the README's."""

    def __init__(self, hosts: Hosts, processes: Processes, folder: Path) -> None:
        super().__init__(processes, "", folder)
        self.hosts, self.at = hosts, hosts.addresses
        self.ports: dict[str, str] = {}
        self.envs: dict[str, dict[str, str]] = {}  # of hosts that are different
        (folder / "bin").mkdir()
        for name, instead in _PROGRAMS.items():
            program = folder / "bin" / name
            program.write_text(f'#!/bin/sh\n{instead} "$@"\n', encoding="utf-8")
            program.chmod(0o755)
        for name in ("listener", "scenario", "locustfile.py", "setup_scripts"):
            (folder / name).symlink_to(ROOT / name)
        for name in (".venv", "venv"):
            (folder / name).symlink_to(sys.prefix)

    def run(self, host: str, *words: str, more: Sequence[object] = (), on: str = "") -> Process:
        """Run the page's commands for `host` with one of `words`, on it or another; `more` goes to the last one."""
        *before, last = commands(host, *words)
        script = "\n".join([*before, f"exec {last} {shlex.join(map(str, more))}"])
        script = self._at_listeners(script)
        env = {"PATH": f"{self.folder}/bin:{os.environ['PATH']}:/usr/sbin", **self.envs.get(host, {})}
        return self.processes.start(*self.hosts.on(on or host), "sh", "-c", script, env=env, cwd=self.folder, name=host)

    def start_parts(self, delay: str = "4s", inspector_on: str = "orion") -> Deployment:
        """Start the database, the broker, the inspector and the listeners."""
        self.database = self._serve("mongo", "mongod", "--host", "--port")
        dbhost = self._local("-dbhost", f"{self.at['mongo']}:{self.ports['mongo']}")
        mode = f"threadpool:60000:{SUBSCRIPTIONS}"
        few = ("--name", self.broker_name, "-notificationMode", mode, *dbhost)
        self.broker = self._serve("orion", "start_broker", "-localIp", "-port", *few)
        self.broker_port = self.ports["orion"]
        self.inspector = self._serve(
            *("orion", "inspector", "--host", "--port", "--process-name", self.broker_name), on=inspector_on
        )
        self.inspector_port = self.ports["orion"]
        short = ("-delay", delay, "-stats", "200ms", "-timeout", "1s")
        self.listeners = [self._serve(name, "listener", "-host", "-port", *short) for name in LISTENERS]
        self._write_config()
        return self

    def _write_config(self) -> None:
        """Write the page's run.toml, for the listeners as they are."""
        (text,) = re.findall(r"^```toml\n(.*?)^```", _page(), re.MULTILINE | re.DOTALL)
        (self.folder / "run.toml").write_text(self._at_listeners(text), encoding="utf-8")

    def _serve(self, host: str, word: str, address: str, port: str, *more: object, on: str = "") -> Process:
        part = self.run(host, word, more=[*self._local(address, self.at[host], port, 0), *more], on=on)
        self.ports[host] = part.wait_for(LISTENING)[1]
        return part

    def look(self) -> Process:
        """Start the preflight alone."""
        return self.run("master", "export", "--preflight-only", more=self._smaller())

    def start_run(self, *more: object) -> Process:
        """Start the master, and the workers."""
        at, port = self.at["master"], str(free_port())
        bound = self._local("--master-bind-host", at, "--master-bind-port", port)
        self.master = self.run("master", "export", "--master", more=[*self._smaller(), *more, *bound])
        joined = ("--report-log", self.report_log, *self._local("--master-host", at, "--master-port", port))
        self.workers = [self.run(name, "export", "--worker", more=joined) for name in WORKERS]
        return self.master

    def _smaller(self) -> list[object]:
        elsewhere = {
            "--host": f"http://{self.at['orion']}:{self.broker_port}",
            "--mongo": f"{self.at['mongo']}:{self.ports['mongo']}",
            "--inspector": f"{self.at['orion']}:{self.inspector_port}",
        }
        return [
            *("--subscriptions", SUBSCRIPTIONS, "--baseline", 1, "--duration", "10s", "--service", self.service),
            *("--report-log", self.report_log),
            *self._local(*(word for option in elsewhere.items() for word in option)),
        ]

    def _local(self, *words: object) -> tuple[object, ...]:
        """Return the options that loopback needs, for it has no names and the ports may be in use."""
        return words if self.hosts.loopback else ()

    def _at_listeners(self, text: str) -> str:
        def where(found: re.Match[str]) -> str:
            return f"{self.at[found[1]]}:{self.ports[found[1]]}" if self.hosts.loopback else found[0]

        return re.sub(r"(listener\d):8090", where, text)
