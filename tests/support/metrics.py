"""Scrapes of --metrics-port, as Prometheus makes them and prometheus_client's parser reads them."""

from __future__ import annotations

import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def scraped(port: int) -> dict[str, float]:
    """Return the samples without labels by name."""
    answer = requests.get(f"http://127.0.0.1:{port}/metrics", headers={"Accept": OPENMETRICS}, timeout=5)
    assert answer.headers["Content-Type"].startswith(OPENMETRICS)
    families = text_string_to_metric_families(answer.text)
    return {sample.name: sample.value for family in families for sample in family.samples if not sample.labels}
