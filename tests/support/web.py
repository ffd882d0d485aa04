"""The web UI for the tests: of a running stack, or of a finished run of an hour."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.processes import ROOT, Process, Processes
from tests.support.stack import Stack, free_port

EVIL = "<script>alert(1)</script>"
ROWS = 3600
_FILES = ("chart.js", "connections.js", "connections.css", "plotly.min.js")
OURS = tuple(f"connections/{name}" for name in ("data", "metrics", "csv", "log", "report", *_FILES))
LOCUSTS = (
    *("", "logs", "tasks", "exceptions", "exceptions/csv", "worker-count"),
    *("stats/requests", "stats/requests/csv", "stats/requests_full_history/csv", "stats/failures/csv", "stats/report"),
)
LOGIN = {"LOCUST_WEB_USERNAME": "me", "LOCUST_WEB_PASSWORD": "correct horse"}

# The scenario's locustfile, in the state that a failed run of an hour leaves behind.
FED = f"""
from locustfile import *
from locust import events
from scenario.run import events as events_of_run
from scenario.run.found import Found
from scenario.run.records import Accepted, HoldBegan, RunBegan
from scenario.run.results import Criterion, Row
from scenario.run.samples import ConnectionSample, ListenerSample, QueueSample, VersionSample
from scenario.run.schedule import Schedule
from scenario.settings.options import Options
from scenario.verdict.outcomes import concluded

START = 1_800_000_000
_TEXTS = "{EVIL}", "mongodb://me:hunter2@host failed"

def row(number):
    second, at, held = START + number, START + number + 0.001, min(5000, 900 * max(0, number - 60))
    return Row(
        second, number - 60, "baseline" if number < 60 else "trigger" if number < 62 else "observe",
        VersionSample(second, at, 4000.0, "{EVIL}") if number % 9 == 8 else VersionSample(second, at, 2.0 + number % 7),
        QueueSample(second, at, size=0, backlog=5000 - held),
        None if number == {ROWS - 1} else ConnectionSample(second, at, established=18 + held, close_wait=number % 5),
        ListenerSample(second, at, held),
    )

@events.init.add_listener
def feed(environment, web_ui, **_):
    options = Options.from_namespace(environment.parsed_options, Shape.secrets)
    schedule = Schedule(START, START + 60, START + {ROWS - 1})
    found = Found(options, version='{{"orion": {{"version": "{EVIL}"}}}}')
    verdict = concluded("FAIL", [Criterion("", "FAIL", text) for text in _TEXTS])
    for record in (RunBegan(), found, Accepted(), HoldBegan(5000), schedule, *map(row, range({ROWS})), verdict):
        events_of_run.fire(record, START)
    environment.runner.state = "stopped"  # else the page shows the start form
"""


class _EvilBroker(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f'{{"orion": {{"version": "{EVIL}"}}}}'.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def evil_broker() -> Iterator[str]:
    """URL of a broker whose version is a script, and which needs escaping itself."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _EvilBroker) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}/a"b\\c'
        server.shutdown()


@pytest.fixture
def fed(processes: Processes, tmp_path: Path, evil_broker: str) -> Callable[..., str]:
    """Start the web UI with the run of an hour; return its URL."""

    def start(*options: str) -> str:
        locustfile = tmp_path / "fed.py"
        locustfile.write_text(FED)
        port = free_port()
        web = ("--web-host", "127.0.0.1", "--web-port", str(port), "--report-log", str(tmp_path / "report.log"))
        secrets = ("--inspector-token", "t0ken", "--mongo", "mongodb://me:hunter2@localhost")
        process = processes.start(
            *(str(Path(sys.executable).with_name("locust")), "-f", str(locustfile), "--host", evil_broker),
            *(*web, *secrets, *options),
            env={"PYTHONPATH": str(ROOT), **LOGIN},
            name="locust",
        )
        url = f"http://127.0.0.1:{port}"
        wait_for_web(process, url)
        return url

    return start


def wait_for_web(process: Process, url: str) -> None:
    """Wait until the web UI answers."""
    process.wait_for("Starting web interface")
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            requests.get(url, timeout=5)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(process.output)


def data(url: str, since: object = 0) -> dict[str, Any]:
    """Return the data that the tab fetches."""
    return dict(requests.get(f"{url}/connections/data", {"since": str(since)}, timeout=5).json())


def start_web(stack: Stack, *more: str | int, env: dict[str, str] | None = None) -> tuple[str, Process]:
    """Start the web UI for a stack that runs; return its URL and its process."""
    port = free_port()
    process = stack.locust_process(*stack.options("--web-host", "127.0.0.1", "--web-port", port, *more), env=env)
    url = f"http://127.0.0.1:{port}"
    wait_for_web(process, url)
    return url, process
