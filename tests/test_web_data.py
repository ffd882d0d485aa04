"""What the web UI serves of a run: its data, metrics and downloads, however Locust is started; and the start form."""

from __future__ import annotations

import csv
import io
import re
import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from scenario.outputs.columns import SERIES
from tests.support.stack import SUBSCRIPTIONS, Stack, free_port
from tests.support.web import EVIL, ROWS, data, start_web

ASKED = ("version", "update", "query", "database")


@pytest.mark.slow
@pytest.mark.alone("an answer has 20 ms")
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
    assert answer["columns"] == ["second", *(f"{what}_error" for what in ASKED), *SERIES]
    assert answer["rows"] == [
        [3538, "", None, None, None, 5018, 3, 5021, *[None] * 4, 5000, 0, 2.0, *[None] * 4],
        [3539, EVIL, *[None] * 10, 5000, 0, 4000.0, *[None] * 4],
    ]
    assert answer["reasons"] == [f"FAIL {EVIL}", "FAIL mongodb://***@host failed"]
    table = {line[0].split(" (")[0]: line[1:] for line in answer["table"]}
    assert table["established"] == [None, 18, 5018]
    assert table["queue backlog"] == [0, 0, 5000]
    assert table["version latency"] == [4000, 2, 4000]


def test_metrics(fed: Callable[..., str], evil_broker: str) -> None:
    answer = requests.get(f"{fed()}/connections/metrics", timeout=5)
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
    metrics = {sample.name: sample.value for sample in samples if not sample.labels}
    assert [sample.labels["host"] for sample in samples if sample.name == "connections_run_info"] == [evil_broker]
    assert metrics["connections_rows_total"] == ROWS
    assert metrics["connections_version_nok_total"] == ROWS // 9
    assert metrics["connections_version_ok"] == 0
    assert metrics["connections_version_latency_seconds"] == 4
    assert metrics["connections_listener_held"] == 5000
    assert "connections_established" not in metrics, "what was not measured is not 0"


def test_report_escapes_and_keeps_secrets(fed: Callable[..., str]) -> None:
    url = fed()
    page = requests.get(f"{url}/connections/report", timeout=5).text
    assert EVIL not in page
    quoted = page.count("&lt;script&gt;alert(1)&lt;/script&gt;")
    assert quoted == 43, "a reason, 40 of the 200 rows around NOKs, the preflight's line on the broker, its version"
    assert '"\\u003cscript>alert(1)\\u003c/script>"' in page
    assert not re.search("hunter2|t0ken", page)
    assert len(page) < 6e6


@pytest.mark.slow
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
        ({"duration": "9" * 400}, "--duration: takes a duration of at most 1000h"),
        ({"run_time": "9" * 400}, "--run-time: takes a duration of at most 1000h"),
        ({"user_count": "1e9"}, "--user-count: takes a whole number"),
        ({"version_slo": "-1"}, "--version-slo: takes milliseconds above 0"),
        ({"host": f"http://127.0.0.1:{free_port()}"}, "--host: can be set on the command line only"),
        ({"subscriptions": 10**6}, "open files"),
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
        assert max(row[run["columns"].index("listener_held")] for row in run["rows"]) == SUBSCRIPTIONS
    rows = list(csv.DictReader(io.StringIO(requests.get(f"{url}/connections/csv", timeout=5).text)))
    assert rows == stack.rows()
    assert requests.get(f"{url}/connections/log", timeout=5).text == stack.report_log.read_text()
    assert "PASS</b>" in requests.get(f"{url}/connections/report", timeout=5).text


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
