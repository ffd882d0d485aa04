"""The main job, end to end: a healthy broker, one with the select() fault, and every way to run Locust."""

from __future__ import annotations

import sys
from pathlib import Path

import pymongo
import pytest
import requests

from tests.support.metrics import dashboard, names_in, scraped
from tests.support.stack import SUBSCRIPTIONS, Stack, free_port, verdict


def tells_the_row(metrics: dict[str, float], row: dict[str, str]) -> None:
    for name in ("listener_held", "established", "broker_fds"):
        assert metrics[f"connections_{name}"] == int(row[name]) > 0
    assert metrics["connections_broker_cpu_seconds_total"] == float(row["broker_cpu_seconds"])
    assert metrics["connections_version_latency_seconds"] == pytest.approx(float(row["version_latency_ms"]) / 1000)


def test_healthy_broker_passes(stack: Stack) -> None:
    port = free_port()
    run = stack.start().locust("--metrics-port", port)
    stack.wait_for_row(run, 3)
    exported = scraped(port).keys()
    stack.wait_for_row(run, 4)  # all are held
    metrics = scraped(port)
    rebound = requests.get(f"http://127.0.0.1:{port}/metrics", headers={"Host": "evil.example"}, timeout=5)
    assert rebound.status_code == 403
    rows = stack.ended(run, 0)
    outcome, reasons = verdict(run)
    assert outcome == "PASS"
    assert f"held: {SUBSCRIPTIONS} of {SUBSCRIPTIONS}" in reasons
    assert f"notified: {SUBSCRIPTIONS} of {SUBSCRIPTIONS} subscriptions were notified once" in reasons

    assert [int(row["second"]) for row in rows] == list(range(-1, 9)), "a row for every second"
    assert {row["version"] for row in rows} == {"OK"}
    rest = int(rows[0]["established"])
    established = [int(row["established"]) - rest for row in rows]
    close_wait = [int(row["close_wait"]) for row in rows]
    assert 10 <= max(established) - SUBSCRIPTIONS <= 24  # the idle clients; probes and healthy ones come and go
    assert max(int(row["listener_held"]) for row in rows) == SUBSCRIPTIONS
    assert close_wait[0] == 0
    assert set(close_wait[close_wait.index(SUBSCRIPTIONS) :]) == {SUBSCRIPTIONS}, "what measures uses none of them up"
    assert all(int(row["sum"]) == int(row["established"]) + int(row["close_wait"]) for row in rows)
    assert int(rows[-1]["sent_ok"]) >= SUBSCRIPTIONS
    assert not any(row["version_error"] for row in rows)

    clients_are_served(rows, reasons)
    assert stack.received() == SUBSCRIPTIONS, "the client's updates notify nobody of the test's"
    the_broker_is_looked_into(rows)
    assert max(int(row["close_wait_to_listeners"]) for row in rows) == SUBSCRIPTIONS == max(close_wait)
    tells_the_row(metrics, rows[int(metrics["connections_rows_total"]) - 1])
    assert not [expression for expression in dashboard() if not names_in(expression) <= exported | metrics.keys()]

    assert f"cleanup: removed {SUBSCRIPTIONS} subscriptions" in run.output
    with pymongo.MongoClient[dict[str, object]](f"mongodb://{stack.mongo}") as client:
        left = client[f"orion-{stack.service}"]
        assert sum(left[name].count_documents({}) for name in left.list_collection_names()) == 0

    for line in (stack.folder / "report.log").read_text().splitlines():
        assert line.split(" | ", 1)[1] in run.output, "the console shows what the log has"


Rows = list[dict[str, str]]


def clients_are_served(rows: Rows, reasons: str) -> None:
    for figure in ("update", "query"):
        assert {(row[figure], row[f"{figure}_error"]) for row in rows} == {("OK", "")}
        assert all(float(row[f"{figure}_latency_ms"]) > 0 for row in rows)
        assert f"{figure}: {len(rows)} of {len(rows)} rows OK" in reasons
    healthy = ("healthy_arrived", "healthy_waiting", "healthy_lost")
    loud = [row for row in rows if int(row["second"]) < 3]  # -delay 3s: from then on nobody is notified
    assert {tuple(row[name] for name in healthy) for row in loud} == {("10", "0", "0")}
    assert "healthy subscribers: 10 of 10 notified each second, the slowest after " in reasons
    assert max(float(row["healthy_max_ms"]) for row in loud) < 1000
    assert {(row["database"], row["database_error"]) for row in rows} == {("OK", "")}
    assert all(0 < float(row["database_latency_ms"]) < 1000 for row in rows)


def the_broker_is_looked_into(rows: Rows) -> None:
    assert max(int(row["to_listeners"]) for row in rows) >= SUBSCRIPTIONS
    assert 10 <= max(int(row["inbound"]) for row in rows) <= 20  # the idle clients, and the probes
    assert all(int(row["to_database"]) for row in rows)
    for row in rows:
        assert row["broker_state"] in "RSD"
        assert int(row["threads_used"]) < int(row["threads_limit"])
        assert row["threads_limit_at"]
        assert row["also_listening"] == "0"
        assert int(row["cache_items"]) >= SUBSCRIPTIONS  # a broker of another test may share the database
        assert 0 <= int(row["listen_queue"]) <= int(row["listen_backlog"])
    assert int(rows[-1]["cache_refreshes"]) > int(rows[0]["cache_refreshes"])
    assert float(rows[-1]["broker_cpu_seconds"]) > float(rows[0]["broker_cpu_seconds"])


def test_plain_rpyc_classic_serves_as_well(stack: Stack) -> None:
    stack.broker_name = "contextBroker"  # there is nobody to tell another name to
    stack.start()
    stack.inspector.stop()
    stack.inspector_port = str(free_port())
    program = Path(sys.executable).with_name("rpyc_classic")
    classic = stack.processes.start(program, "--host", "127.0.0.1", "--port", stack.inspector_port)
    classic.wait_for("server started")
    run = stack.locust("--duration", "5s", "--loglevel", "WARNING")
    rows = stack.ended(run, 0)
    assert {row["established"] for row in rows} != {""}
    assert "gives a shell to everyone" in run.output
