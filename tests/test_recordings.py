"""Runs of a real Orion 4.7.0, 5,000 subscriptions, and newer ones of 1,000: what is said of each.

The older ones lack what the inspector and the ordinary client tell since. Those called select had a select() server
(3.10.1, and 4.7.0 started when nobody could look at its command line).
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scenario.errors import UnusableError
from scenario.recording.recorder import Recorder
from scenario.replay import read, replay
from scenario.run import events
from scenario.run.found import Found
from scenario.run.records import Ended
from tests.support.processes import ROOT

FOLDER = Path(__file__).with_name("recordings")
ALSO = {"threads": {"transient"}, "threads-1000": {"transient"}}  # its mode was transient, too
# recording: outcome, first cause
RUNS = {
    "healthy": ("PASS", None),
    "select": ("FAIL", "select"),
    "nofile": ("FAIL", "nofile"),
    "workers": ("FAIL", "workers"),
    "queue": ("FAIL", "queue"),
    "http-timeout": ("INCONCLUSIVE", "http-timeout"),
    "listener-nofile": ("INCONCLUSIVE", "listener-nofile"),
    "transient": ("INCONCLUSIVE", "transient"),
    "persistent": ("FAIL", "persistent"),
    "max-connections": ("FAIL", "max-connections"),
    "threads": ("FAIL", "unknown"),  # its rows lack the limit: perhaps threads, it says
    "frozen": ("FAIL", "frozen"),
    "database-frozen": ("PASS", None),  # nobody had asked it anything
    "max-connections-1000": ("FAIL", "max-connections"),
    "threads-1000": ("FAIL", "threads"),
    "frozen-1000": ("FAIL", "frozen"),
    "database-frozen-1000": ("FAIL", "database-hangs"),
    "database-killed-1000": ("FAIL", "database-down"),
    "select-1000": ("FAIL", "unknown"),  # perhaps select, it says
    "select-1200": ("FAIL", "select"),  # its command line could be read
    "two-brokers-200": ("INCONCLUSIVE", "unknown"),  # behind one name: the counts are those of one
    # 5,000 subscriptions, November 2026
    "as-the-readme-says": ("FAIL", "unknown"),  # perhaps cache-refresh: its rows lack the semaphores
    "busy-host": ("INCONCLUSIVE", "busy-host"),
    "cache-refresh": ("FAIL", "unknown"),  # perhaps cache-refresh
    "cache-refresh-unacknowledged": ("FAIL", "unknown"),  # perhaps cache-refresh
    "cache-refresh-rare": ("PASS", None),
    "cache-refresh-counted": ("FAIL", "cache-refresh"),  # with -statSemWait reported, and the database pinged
    "dual-stack": ("FAIL", "unknown"),  # perhaps cache-refresh; all 5,000 were held
    # 200 subscriptions: what was in front of it, or behind it
    "orion-broker-dies-gateway": ("FAIL", "broker-dies"),  # a gateway answered 502 in its stead
    "orion-frozen-gateway": ("FAIL", "frozen"),  # ... 504
    "orion-denied": ("INCONCLUSIVE", "denied"),
    "orion-not-reached": ("INCONCLUSIVE", "not-reached"),
    "orion-listeners-not-reached": ("INCONCLUSIVE", "listeners-not-reached"),  # SYNs were dropped
    "orion-answered-for-receivers": ("INCONCLUSIVE", "answered-for-receivers"),  # a sidecar answered 504
    "orion-repeated": ("INCONCLUSIVE", "repeated"),
    "orion-several-listeners": ("INCONCLUSIVE", "several-listeners"),
}
ROWS = {"two-brokers-200": 20, "as-the-readme-says": 64, "busy-host": 44}


def test_every_recording_is_judged() -> None:
    assert {path.stem for path in FOLDER.glob("*.jsonl")} == set(RUNS)


@pytest.mark.parametrize("name", RUNS)
def test_outcome_and_cause(name: str) -> None:
    verdict, history = replay(str(FOLDER / f"{name}.jsonl"))
    outcome, cause = RUNS[name]
    assert verdict.outcome == outcome
    named = [found.cause for found in verdict.causes]
    assert named[:1] == ([cause] if cause else [])
    assert set(named[1:]) <= ALSO.get(name, set())
    assert len(history.rows) == ROWS.get(name, 20 if name.startswith("orion") else 29)


@pytest.mark.parametrize("name", [name for name in RUNS if "refresh" in name or name == "dual-stack"])
def test_what_was_held_and_the_cache_s_refresh_are_told(name: str) -> None:
    verdict, _ = replay(str(FOLDER / f"{name}.jsonl"))
    assert any(reason.startswith("held: 5000 of 5000") for reason in verdict.reasons)
    assert all("cache-refresh" in f"{cause.cause} {cause.sentence}" for cause in verdict.causes)


def test_what_is_not_known_for_sure_is_said_as_such() -> None:
    perhaps = replay(str(FOLDER / "threads.jsonl"))[0].causes[0]
    assert perhaps.sentence.startswith("perhaps threads;")
    assert "threads 6 to 2000" in perhaps.evidence
    assert "pids.max" in perhaps.remedy


def test_two_brokers_are_said_as_such() -> None:
    verdict, _ = replay(str(FOLDER / "two-brokers-200.jsonl"))
    assert "counts: the broker says that it queued 75 notifications, and the listeners had 200" in verdict.reasons
    assert [cause.sentence for cause in verdict.causes if "not those of one broker" not in cause.sentence] == []


def replayed(path: Path, *more: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scenario.replay", str(path), *map(str, more)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_command_prints_verdict_and_draws_the_report(tmp_path: Path) -> None:
    done = replayed(FOLDER / "nofile.jsonl", "--connections-report", tmp_path / "report.html")
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("Verdict: FAIL\n")
    assert "cause: the broker ran out of file descriptors\n  evidence: 4000 of 4000 open" in done.stdout
    assert "the broker ran out of file descriptors" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_run_that_was_killed_is_read_to_its_last_whole_line(tmp_path: Path) -> None:
    lines = (FOLDER / "healthy.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    cut = tmp_path / "cut_run.jsonl"
    cut.write_text("".join(lines[:60]) + lines[60][:20], encoding="utf-8")
    verdict, history = replay(str(cut))
    assert (verdict.outcome, verdict.exit_code) == ("INCONCLUSIVE", 4)
    assert verdict.reasons[0] == "interrupted in phase observe"
    assert history.rows


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("\n", "line 1 is not from a recorded run"),
        ("[" * 10_000 + "]" * 10_000 + "\n", "line 1 is not from a recorded run"),
        ('{"at": 1, "kind": "Nonsense"}\n', "line 1 is not from a recorded run"),
        ('{"at": 1, "kind": "Phase", "name": 7}\n', "line 1 is not from a recorded run: Expected `str`, got `int`"),
        ('{"at": 1, "kind": "Found", "format": 3}\n', "has format 3, and this version reads formats 1 and 2"),
        ('{"at": 1, "kind": "Began"}\n', "no run begins in it"),
    ],
)
def test_file_that_is_none(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "none.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnusableError, match=sentence):
        replay(str(path))


def test_no_secret_in_a_line() -> None:
    for path in FOLDER.glob("*.jsonl"):
        found = json.loads(path.read_text(encoding="utf-8").splitlines()[1])
        assert found["kind"] == "Found"
        assert not found["options"]["inspector_token"]


@pytest.mark.parametrize("name", RUNS)
def test_a_verdict_reads_no_prose(name: str) -> None:
    """Other words of the peers, in every record: the same outcome and the same causes."""

    def reworded(record: Any) -> Any:
        texts: dict[str, Any] = {
            each: "reworded" for each in ("error", "update_error", "query_error") if getattr(record, each, "")
        }
        if isinstance(record, Found):
            texts["problems"] = dict.fromkeys(record.problems, "reworded")
        if isinstance(record, Ended):
            texts["reason"] = "reworded"
        return replace(record, **texts) if texts else record

    events.forget()
    recorder = Recorder()
    for record, at in read(str(FOLDER / f"{name}.jsonl")):
        events.fire(reworded(record), at)
    assert recorder.verdict
    outcome, cause = RUNS[name]
    assert recorder.verdict.outcome == outcome
    assert [found.cause for found in recorder.verdict.causes][:1] == ([cause] if cause else [])
