"""What the web UI serves of a run: its data, metrics and downloads, however Locust is started; and the start form."""

from __future__ import annotations

import csv
import io
import re
import statistics
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
from tests.support.stack import SUBSCRIPTIONS, Stack, free_port

PATHS = ("data", "metrics", "csv", "log", "report", "chart.js", "connections.js", "connections.css", "plotly.min.js")
EVIL = "<script>alert(1)</script>"
ROWS = 3600

# The scenario's locustfile, in the state that a failed run of an hour leaves behind.
FED = f"""
from locustfile import *
from locust import events
from scenario.run import events as events_of_run
from scenario.settings.options import Options
from scenario.run.found import Found
from scenario.run.records import Began, HoldBegan, Phase
from scenario.run.results import Row, Verdict
from scenario.run.samples import ConnectionSample, ListenerSample, QueueSample, VersionSample
from scenario.run.schedule import Schedule

START = 1_800_000_000

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
    if environment.parsed_options.web_login:
        web_ui.app.secret_key = "test"
        web_ui.login_manager.user_loader(lambda _: None)
    options = Options.from_namespace(environment.parsed_options)
    schedule = Schedule(START, START + 60, START + {ROWS - 1})
    version = '{{"orion": {{"version": "{EVIL}"}}}}'
    rows = map(row, range({ROWS}))
    verdict = Verdict("FAIL", ("{EVIL}", "mongodb://me:secret@host failed"), 1)
    found = Found(options, version=version)
    for record in (Phase("preflight"), found, Began(), HoldBegan(5000), schedule, *rows, verdict):
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
        secrets = ("--inspector-token", "t0ken", "--mongo", "mongodb://me:secret@localhost")
        process = processes.start(
            *(str(Path(sys.executable).with_name("locust")), "-f", str(locustfile), "--host", evil_broker),
            *(*web, *secrets, *options),
            env={"PYTHONPATH": str(ROOT)},
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
    """Return what the tab fetches."""
    return dict(requests.get(f"{url}/connections/data", {"since": str(since)}, timeout=5).json())


@pytest.mark.alone
def test_data_of_an_hour_is_quick(fed: Callable[..., str]) -> None:
    url = fed()
    for since, count in ((0, ROWS), (ROWS - 10, 10), (ROWS, 0), (ROWS + 10, 0), (-5, ROWS), ("many", ROWS)):
        assert len(data(url, since)["rows"]) == count
    took = []
    with requests.Session() as session:
        for since in [0, ROWS - 1] * 10:
            answer = session.get(f"{url}/connections/data", params={"since": since}, timeout=5)
            took.append(answer.elapsed.total_seconds())  # to the headers: the time in the server
    assert statistics.median(took[::2]) < 0.02, took
    assert statistics.median(took[1::2]) < 0.02, took


def test_what_the_tab_fetches(fed: Callable[..., str]) -> None:
    answer = data(fed(), ROWS - 2)
    assert (answer["state"], answer["trigger"], answer["end"], answer["slo"]) == ("FAIL", 1_800_000_060, 3539, 1000)
    assert answer["marks"] == {"baseline": -60, "trigger": 0, "observe": 2}
    assert answer["columns"] == [
        *("second", "error", "established", "close_wait", "sum", "held", "backlog", "latency")
    ]  # fmt: skip
    assert answer["rows"] == [[3538, "", 5018, 3, 5021, 5000, 0, 2.0], [3539, EVIL, None, None, None, 5000, 0, 4000.0]]
    assert answer["reasons"] == [EVIL, "mongodb://***@host failed"]
    table = {line[0].split(" (")[0]: line[1:] for line in answer["table"]}
    assert table["established"] == [None, 18, 5018]
    assert table["queue backlog"] == [0, 0, 5000]
    assert table["version latency"] == [4000, 2, 4000]


def test_metrics(fed: Callable[..., str], evil_broker: str) -> None:
    answer = requests.get(f"{fed()}/connections/metrics", timeout=5)
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    metrics = {}
    for line in answer.text.splitlines():
        if not line.startswith("#"):
            sample = re.fullmatch(r'(connections_\w+)(?:\{((?:\w+="(?:[^"\\]|\\.)*",?)+)\})? (\S+)', line)
            assert sample, line
            metrics[sample[1]] = float(sample[3])
            assert f"# TYPE {sample[1]} gauge\n{line}\n" in answer.text
    host = evil_broker.replace("\\", "\\\\").replace('"', '\\"')
    assert f'connections_run_info{{state="FAIL",phase="preflight",host="{host}"}} 1.0' in answer.text
    assert metrics["connections_rows"] == ROWS
    assert metrics["connections_rows_nok"] == ROWS // 9
    assert metrics["connections_version_ok"] == 0
    assert metrics["connections_version_latency_seconds"] == 4
    assert metrics["connections_listener_held"] == 5000
    assert "connections_established" not in metrics, "what was not measured is not 0"


def test_report_escapes_and_keeps_secrets(fed: Callable[..., str]) -> None:
    url = fed()
    page = requests.get(f"{url}/connections/report", timeout=5).text
    assert EVIL not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 42, "reason, version, 40 of the 200 rows around NOKs"
    assert '"\\u003cscript>alert(1)\\u003c/script>"' in page
    assert not re.search("secret|t0ken", page)
    assert len(page) < 6e6


@pytest.mark.parametrize("base", ["", "/lt"])
def test_login(fed: Callable[..., str], base: str) -> None:
    url = fed("--web-login", *(["--web-base-path", base] if base else [])) + base
    for path in PATHS:
        answer = requests.get(f"{url}/connections/{path}", allow_redirects=False, timeout=5)
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, f"{base}/login"), path
    answer = requests.post(f"{url}/swarm", {"subscriptions": "many"}, allow_redirects=False, timeout=5)
    assert answer.status_code == 302


@pytest.mark.parametrize("mode", [("--processes", 2), ("--master",)], ids=lambda mode: mode[0])
def test_two_runs_from_the_form(stack: Stack, mode: tuple[str | int, ...]) -> None:
    port = free_port()
    bind = ("--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port)
    url, master = start_web(stack.start(), *mode, *bind, "--duration", "5s", "--web-base-path", "/lt")
    url += "/lt"
    if mode == ("--master",):
        stack.locust_process("--worker", "--master-port", port)
    workers = 2 if "--processes" in mode else 1
    master.wait_for(f"reported as ready. {workers} workers connected")
    for form, problem in (
        ({"subscriptions": "many"}, "--subscriptions: takes a whole number, not 'many'"),
        ({"version_slo": "-1"}, "--version-slo: takes milliseconds above 0"),
        ({"connections_report": "/nowhere/report.html"}, "--connections-report: takes a file in a folder that exists"),
        ({"mongo": f"127.0.0.1:{free_port()}"}, "--mongo"),
        ({"inspector": f"127.0.0.1:{free_port()}"}, "--inspector"),
        ({"host": f"http://127.0.0.1:{free_port()}"}, "did not answer GET /version: connection refused"),
    ):
        answer = requests.post(f"{url}/swarm", form, timeout=20).json()
        assert not answer["success"]
        assert problem in answer["message"]
    assert data(url)["state"] == "READY"
    assert requests.get(f"{url}/connections/log", timeout=5).status_code == 404

    runs = [run_from_form(url), run_from_form(url)]
    assert runs[0]["run"] != runs[1]["run"]
    for run in runs:
        assert run["state"] == "PASS", run
        assert [row[0] for row in run["rows"]] == list(range(-1, 6))
        assert max(row[run["columns"].index("held")] for row in run["rows"]) == SUBSCRIPTIONS
    rows = list(csv.DictReader(io.StringIO(requests.get(f"{url}/connections/csv", timeout=5).text)))
    assert rows == stack.rows()
    assert requests.get(f"{url}/connections/log", timeout=5).text == stack.report_log.read_text()
    assert "PASS</b>" in requests.get(f"{url}/connections/report", timeout=5).text


def start_web(stack: Stack, *more: str | int) -> tuple[str, Process]:
    """Start the web UI for a stack that runs; return its URL and its process."""
    port = free_port()
    process = stack.locust_process(*stack.options("--web-host", "127.0.0.1", "--web-port", port, *more))
    url = f"http://127.0.0.1:{port}"
    wait_for_web(process, url)
    return url, process


def run_from_form(url: str) -> dict[str, Any]:
    """Start a run as the form does; return the data when it has ended, and the next one can start."""
    end = time.monotonic() + 60
    under_way = "a run is under way: stop it first"
    while (answer := start(url))["message"] == under_way:  # the one before is settling
        assert time.monotonic() < end
        time.sleep(0.2)
    assert answer["success"], answer
    assert start(url)["message"] == under_way
    while data(url)["state"] == "RUNNING":
        assert time.monotonic() < end, data(url)
        time.sleep(0.2)
    return data(url)


def start(url: str) -> dict[str, Any]:
    """Press Start; return the answer that the form shows."""
    return dict(requests.post(f"{url}/swarm", {"user_count": "0", "spawn_rate": "0"}, timeout=20).json())
