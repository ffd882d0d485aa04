"""The metrics, read back by prometheus_client's own parsers and by promtool where it is installed; port, dashboard."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from locust.argument_parser import LocustArgumentParser, get_empty_argument_parser

import pytest
import yaml
from prometheus_client import Metric, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from scenario.outputs.columns import ANSWERS, COLUMNS
from scenario.outputs.history import History
from scenario.outputs.metrics import COUNTERS, registry
from scenario.replay import replay
from scenario.web.metrics_port import add_metrics_port
from tests.support.metrics import dashboard, names_in
from tests.support.stack import Stack, free_port

RECORDINGS = sorted(Path(__file__).with_name("recordings").glob("*.jsonl"))
PROMTOOL = shutil.which("promtool")
# https://prometheus.io/docs/practices/naming: base units, in full; what promtool's linter refuses, too
NO_UNITS = {"ms", "us", "ns", "sec", "secs", "milliseconds", "minutes", "hours", "kb", "mb", "kilobytes", "percent"}
RESERVED = ("_total", "_count", "_sum", "_bucket", "_created", "_info")


@cache
def histories() -> list[tuple[str, History]]:
    return [(path.stem, replay(str(path))[1]) for path in RECORDINGS]


def text(history: History) -> str:
    """Return a scrape in the text format."""
    scrape: bytes = generate_latest(registry(history))
    return scrape.decode()


def samples_of(history: History) -> dict[str, float]:
    """Return the samples without labels by name."""
    families = parse_text(text(history))
    return {sample.name: sample.value for family in families for sample in family.samples if not sample.labels}


def families(history: History) -> list[Metric]:
    """Return what a scrape in OpenMetrics' stricter format tells."""
    return list(parse_openmetrics(openmetrics.generate_latest(registry(history)).decode()))


def expected(history: History) -> dict[str, float]:
    """Return what the last row says, by the names of the metrics: in seconds, without what was not measured."""
    found: dict[str, Any] = {}
    for column in COLUMNS:
        value = column.value(history.rows[-1])
        if value is None or column.name in ("second", "sum"):
            continue
        if column.name in ANSWERS:
            found[f"{column.name}_ok"] = float(value == "OK")
        elif column.unit == "ms":
            found[column.name.removesuffix("_ms") + "_seconds"] = pytest.approx(value / 1000)
        elif column.unit or column.name == "step":
            found[column.name + "_total" * (column.name in COUNTERS)] = value
    return {f"connections_{name}": value for name, value in found.items()}


def test_the_last_row_of_every_recording() -> None:
    for name, history in histories():
        samples = samples_of(history)
        rows = expected(history)
        assert {each: samples[each] for each in rows} == rows, name
        beside = {
            **{f"connections_{answer}_nok_total": nok for answer, nok in history.nok.items()},
            "connections_rows_total": len(history.rows),
            "connections_row_timestamp_seconds": pytest.approx(history.rows[-1].at),
            "connections_subscriptions": history.subscriptions,
        }
        assert {each: samples[each] for each in samples.keys() - rows.keys()} == beside, name


def test_labels_are_few() -> None:
    _, history = histories()[0]
    labelled = [sample for family in families(history) for sample in family.samples if sample.labels]
    now = {sample.name: sample.labels for sample in labelled if sample.value}
    outcome = history.verdict and history.verdict.outcome
    assert now == {
        "connections_run_info": {"host": history.host},
        "connections_state": {"connections_state": outcome},
        "connections_phase": {"connections_phase": history.phase},
    }
    assert [sample.labels["connections_state"] for sample in labelled if sample.name == "connections_state"] == sorted(
        ("READY", "RUNNING", "PASS", "FAIL", "INCONCLUSIVE", "PREFLIGHT FAILED", "PREFLIGHT OK")
    )


def test_before_the_first_row_there_is_no_figure() -> None:
    samples = samples_of(History())
    assert set(samples.values()) == {0}
    assert set(samples) == {
        *("connections_rows_total", "connections_subscriptions"),
        *(f"connections_{answer}_nok_total" for answer in ANSWERS),
    }


def test_names_keep_the_conventions() -> None:
    metrics = families(History())
    assert len({metric.name for metric in metrics}) == len(metrics)
    for metric in metrics:
        assert metric.documentation, metric.name
        assert metric.name.startswith("connections_")
        assert not NO_UNITS & set(metric.name.split("_")), metric.name
        assert not metric.name.endswith(RESERVED), metric.name
        assert metric.name.endswith(metric.unit), metric.name
        unit = metric.documentation.partition(":")[0]
        assert (metric.unit == unit) == (unit in ("seconds", "bytes")), metric.documentation
    assert {column.name for column in COLUMNS} >= COUNTERS


@pytest.mark.skipif(not PROMTOOL, reason="promtool is not installed (Debian: apt-get install prometheus)")
def test_promtool_has_nothing_to_say() -> None:
    for name, history in histories():
        command = [str(PROMTOOL), "check", "metrics"]
        done = subprocess.run(command, input=text(history), capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), name


def test_counters_only_rise() -> None:
    rising, falling = set(), set()
    for _, history in histories():
        for column in COLUMNS:
            values = [value for row in history.rows if isinstance(value := column.value(row), int | float)]
            rising |= {column.name for before, after in pairwise(values) if after > before}
            falling |= {column.name for before, after in pairwise(values) if after < before}
    assert not COUNTERS & falling
    assert COUNTERS & rising


def parsed(*words: str) -> None:
    parser = get_empty_argument_parser(add_help=False, default_config_files=[])
    parser.add_argument("--worker", action="store_true")
    add_metrics_port(parser)
    assert isinstance(parser, LocustArgumentParser)
    parser.parse_args(words)


@pytest.mark.parametrize("text", ["9646:", "localhost", "65536", "-1", "[::1]", "::1:9646", "a b:1", "127.0.0.1:0"])
def test_bad_port_is_named(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(f"--metrics-port={text}")
    assert ended.value.code == 2
    takes = "takes a port or host:port (an IPv6 address in brackets), or 0 for none, not "
    assert f"error: argument --metrics-port: {takes}{text!r}\n" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "0"])
def test_no_port(text: str) -> None:
    parsed(f"--metrics-port={text}")


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("host", ["", "127.0.0.1:", "localhost:", "0.0.0.0:"])
def test_taken_port(taken: int, host: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(f"--metrics-port={host}{taken}")
    assert ended.value.code == 2
    where = f"{host or '127.0.0.1:'}{taken}"
    assert f"error: argument --metrics-port: cannot listen on {where}: " in capsys.readouterr().err
    parsed("--worker", f"--metrics-port={host}{taken}")
    parsed(f"--metrics-port={host}{taken}", "--worker")


@pytest.mark.parametrize(
    ("host", "problem"),
    [("192.0.2.1", "assign requested address"), ("no.invalid", "not known|name resolution")],  # without a name server
)
def test_address_of_another(host: str, problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(f"--metrics-port={host}:{free_port()}")
    assert ended.value.code == 2
    assert re.search(problem, capsys.readouterr().err)


def test_taken_port_starts_nothing(stack: Stack, taken: int) -> None:
    stack.broker_port = stack.inspector_port = stack.listener_port = str(free_port())
    run = stack.locust("--metrics-port", taken, "--processes", 2)
    assert run.wait() == 2
    assert not stack.processes_of_runs()
    assert run.output.splitlines()[-1] == (
        f"locust: error: argument --metrics-port: cannot listen on 127.0.0.1:{taken}: Address already in use"
    )
    assert "Starting Locust" not in run.output


def test_the_dashboard_asks_for_counters_as_rates() -> None:
    known = {metric.name + "_total" * (metric.type == "counter") for metric in families(History())}
    for expression in dashboard():
        names = names_in(expression)
        assert names
        assert names <= known, expression
        assert expression.startswith("rate(") == any(name.endswith("_total") for name in names), expression


@pytest.mark.skipif(not PROMTOOL, reason="promtool is not installed (Debian: apt-get install prometheus)")
def test_the_dashboards_queries_are_promql(tmp_path: Path) -> None:
    rules = [{"record": f"query:{number}", "expr": expression} for number, expression in enumerate(dashboard())]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run([str(PROMTOOL), "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
