"""Runs to be compared: connections CSVs made of rows, and the command."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from scenario.outputs import columns
from tests.support.processes import ROOT

COLUMNS = tuple(columns.names(columns.COLUMNS))


def row(second: int, **changed: object) -> dict[str, object]:
    """Return a row of a run that holds 1000 connections from second 1 on, at 5 ms; `changed` is what differs."""
    held = 1000 if second >= 1 else 0
    return {
        **dict.fromkeys(COLUMNS, ""),
        **{"time_utc": f"2026-11-23T08:04:{second + 10:02}.000Z", "second": second, "phase": "observe", "step": 1},
        **{"version": "OK", "version_latency_ms": 5.0, "queue_backlog": 0},
        **{"update": "OK", "update_latency_ms": 5.0, "query": "OK", "query_latency_ms": 5.0, "healthy_lost": 0},
        **{"sent_ok": 0, "sent_error": 0, "rejected": 0, "established": held + 12, "close_wait": 0, "sum": held + 12},
        **{"broker_fds": 3 * held + 18, "broker_threads": held + 10, "broker_rss_bytes": 40_000_000 + 20_000 * held},
        **{"listener_held": held, "update": "OK", "query": "OK", "broker_state": "S", "threads_limit_at": "ulimit -u"},
        **changed,
    }


def rows(**changed: object) -> list[dict[str, object]]:
    """Return 20 seconds since the update and 2 before it; from second 1 on with what differs."""
    return [row(second, **(changed if second >= 1 else {})) for second in range(-2, 20)]


def write(path: Path, lines: Sequence[dict[str, object]], columns: Sequence[str] = COLUMNS) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(lines)
    return path


def compare(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scenario.compare", *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=30, check=False
    )
