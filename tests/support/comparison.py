"""Recorded runs to be compared, made of rows, and the command that compares them."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

from scenario.compare.__main__ import main
from scenario.outputs.run_file import encode
from scenario.run.records import Accepted, HoldBegan, RunBegan, RunEnded
from scenario.run.samples import (
    ClientSample,
    ConnectionSample,
    HealthySample,
    ListenerSample,
    QueueSample,
    VersionSample,
)
from scenario.run.schedule import Schedule
from tests.support.processes import ROOT
from tests.support.surroundings import found

UPDATE = 1000  # s since the epoch
Figures = dict[str, Any]


def row(second: int, **changed: object) -> Figures:
    """Return a row of a run that holds 1000 connections from second 1 on, at 5 ms, with `changed` values."""
    held = 1000 if second >= 1 else 0
    return {
        **{"second": second, "version": 5.0, "version_error": "", "update": 5.0, "update_error": "", "query": 5.0},
        **{"backlog": 0, "sent_ok": 0, "sent_error": 0, "rejected": 0, "established": held + 12, "close_wait": 0},
        **{"fds": 3 * held + 18, "threads": held + 10, "rss": 40_000_000 + 20_000 * held, "held": held, "lost": 0},
        **changed,
    }


def rows(**changed: object) -> list[Figures]:
    """Return the rows of 2 s before and 20 s after the update. From second 1 on they have `changed` values."""
    return [row(second, **(changed if second >= 1 else {})) for second in range(-2, 20)]


def write(path: Path, lines: Sequence[Figures]) -> Path:
    """Write a recorded run of these rows."""
    schedule = Schedule(UPDATE + lines[0]["second"], UPDATE, UPDATE + lines[-1]["second"])
    options = {"subscriptions": 1000, "pings": False}
    records: list[tuple[object, float]] = [
        (record, schedule.start) for record in (RunBegan(), found(options), Accepted(), HoldBegan(1000), schedule)
    ]
    for figures in lines:
        second = UPDATE + figures["second"]
        records += [(replace(sample, second=second, at=second), second) for sample in _samples(figures)]
    records.append((RunEnded(), schedule.end + 1))
    path.write_text("".join(encode(record, at) + "\n" for record, at in records), encoding="utf-8")
    return path


def _samples(figures: Figures) -> Sequence[Any]:
    def of(*names: str) -> Figures:
        return {name: figures[name] for name in names}

    return (
        VersionSample(0, 0, figures["version"], figures["version_error"]),
        QueueSample(0, 0, **of("backlog", "sent_ok", "sent_error", "rejected")),
        ConnectionSample(0, 0, **of("established", "close_wait", "fds", "threads", "rss")),
        ListenerSample(0, 0, figures["held"]),
        ClientSample(0, 0, figures["update"], figures["update_error"], figures["query"]),
        HealthySample(0, 0, lost=figures["lost"]),
    )


def compare(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Do in this process what the command does, in seconds less."""
    out, err = io.StringIO(), io.StringIO()
    with chdir(folder), redirect_stdout(out), redirect_stderr(err):
        try:
            code = main([*map(str, arguments)])
        except SystemExit as ended:
            code = int(ended.code or 0)
    return subprocess.CompletedProcess([*map(str, arguments)], code, out.getvalue(), err.getvalue())


def compare_command(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "-m", "scenario.compare", *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=30, check=False
    )
