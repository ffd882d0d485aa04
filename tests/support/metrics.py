"""A scrape of --metrics-port as prometheus_client's parser reads it, and what the dashboard asks a Prometheus for."""

from __future__ import annotations

import json
import re

import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.support.processes import ROOT

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def scraped(port: int) -> dict[str, float]:
    """Return the samples by name; of several with one name, the last."""
    answer = requests.get(f"http://127.0.0.1:{port}/metrics", headers={"Accept": OPENMETRICS}, timeout=5)
    assert answer.headers["Content-Type"].startswith(OPENMETRICS)
    families = text_string_to_metric_families(answer.text)
    return {sample.name: sample.value for family in families for sample in family.samples}


def dashboard() -> list[str]:
    """Return the dashboard's queries, with its variables as Grafana fills them in."""
    path = ROOT / "setup_scripts" / "grafana-dashboard.json"
    panels = json.loads(path.read_text(encoding="utf-8"))["panels"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    return [each.replace("$__rate_interval", "4s").replace("$instance", ".+") for each in asked]


def names_in(expression: str) -> set[str]:
    """Return the metrics that a query asks for."""
    return set(re.findall(r"connections_\w+", expression))
