"""`python -m scenario.compare` of more than two runs, of recorded ones, of --json files, and of ramps."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from scenario.compare.judgement import Line, judge
from scenario.compare.runs import Run
from scenario.outputs.json_result import Result, StepResult, encoded, result
from scenario.replay import replay
from scenario.verdict.measures import MEASURES
from tests.support.browser import Page
from tests.support.comparison import compare

RECORDINGS = Path(__file__).with_name("recordings")
HEALTHY = RECORDINGS / "healthy.jsonl"
P99 = next(measure for measure in MEASURES if measure.name == "version_p99")


def slower(folder: Path, factor: float) -> Path:
    """Return the recording of a healthy run whose answers took longer."""
    text = HEALTHY.read_text(encoding="utf-8")
    path = folder / f"slower_{factor:g}_run.jsonl"
    kind = r'("kind":"VersionSample"[^\n]*"latency":)([\d.]+)'
    path.write_text(re.sub(kind, lambda found: f"{found[1]}{float(found[2]) * factor}", text), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("values", "worse_at"),
    [
        ([10, 10], None),
        ([10, 200], 1),
        ([200, 10], None),
        ([10, 10, 10, 500, 10], 3),
        ([10, 500, 10, 500, 10], 1),
        ([None, 10, 200], 2),
        ([10, None, 200], 2),
        ([10, None, None], None),
        ([500, 560, 610, 700], 3),  # against the median of those before, 560, not against the last
    ],
)
def test_the_first_that_is_worse(values: list[float | None], worse_at: int | None) -> None:
    assert Line(P99, values, 0.1).worse_at == worse_at


def test_five_rehearsals_of_which_one_is_worse(tmp_path: Path) -> None:
    files = [HEALTHY, slower(tmp_path, 1.5), slower(tmp_path, 0.9), slower(tmp_path, 40), slower(tmp_path, 1.1)]
    done = compare(tmp_path, *files, "--chart", "")
    assert done.returncode == 1, done.stdout + done.stderr
    worse = [text for text in done.stdout.splitlines() if " is worse than " in text]
    named = r"4 is worse than the median of those before it in 4 of \d+ figures judged: "
    assert re.fullmatch(named + "version_p50, version_p95, version_p99, version_max", worse[-1])
    assert re.search(
        r"^version_p99 \(ms\) +11\.1 +16\.7 +10\.0 +445\.[56] +12\.[23]  4 is worse than 11\.1$", done.stdout, re.M
    )
    assert "\n4          " + str(files[3]) + ", Orion 4.7.0\n" in done.stdout
    assert compare(tmp_path, *files[:3], files[4], "--chart", "").returncode == 0


def test_each_kind_of_file(tmp_path: Path) -> None:
    made = tmp_path / "result.json"
    made.write_text(encoded(replay(str(HEALTHY))[1]), encoding="utf-8")
    done = compare(tmp_path, HEALTHY, made, "--chart", "")
    assert done.returncode == 0, done.stdout
    held = next(text for text in done.stdout.splitlines() if text.startswith("held ("))
    assert re.split("  +", held) == ["held (notifications)", "5,000", "5,000", "0", "-500.0"]


def ramp(path: Path, version: str, **steps: str) -> Path:
    """Write what --json tells of a ramp; its steps by number of connections."""
    whole = result(replay(str(HEALTHY))[1])
    options = {**(whole.options or {}), "ramp": "1000:5000:1000"}
    versions = msgspec.structs.replace(whole.versions, broker=version)
    made = [
        StepResult(number, int(name[1:]), verdict, [], [], {}) for number, (name, verdict) in enumerate(steps.items())
    ]
    document: Result = msgspec.structs.replace(whole, options=options, versions=versions, steps=made, figures={})
    path.write_bytes(msgspec.json.encode(document))
    return path


def test_breaking_point_by_version(tmp_path: Path) -> None:
    ramps = [
        ramp(tmp_path / "a.json", "Orion 4.5.0", _1000="PASS", _2000="PASS", _3000="FAIL"),
        ramp(tmp_path / "b.json", "Orion 4.6.0", _1000="PASS", _2000="FAIL", _1900="PASS"),
        ramp(tmp_path / "c.json", "Orion 4.7.0", _1000="PASS", _2000="FAIL", _1500="PASS"),
    ]
    done = compare(tmp_path, *ramps)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = [text for text in done.stdout.splitlines() if text.startswith("ramp_held")]
    assert [re.split("  +", text) for text in lines] == [
        ["ramp_held (connections)", "2,000", "1,900", "1,500", "3 is worse than 1,950"]
    ]
    assert "3 Orion 4.7.0" in (tmp_path / "comparison.html").read_text(encoding="utf-8")
    assert compare(tmp_path, *ramps[:2], "--chart", "").returncode == 0
    assert compare(tmp_path, ramps[0], HEALTHY, "--chart", "").returncode == 4, "a ramp beside a single run"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{}", "is no result of --json: Object missing required field"),
        ("[" * 100_000, "is no recorded run"),
        ('{"at": 1, "kind": "Nonsense"}', "no run begins in it"),
        ('{"at":1,"kind":"Nonsense"}\n', "line 1 is not from a recorded run"),
        ("", "is no recorded run"),
    ],
)
def test_file_that_is_none(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "none.json"
    path.write_text(text, encoding="utf-8")
    refused(compare(tmp_path, HEALTHY, path), sentence)


def test_cycles_and_a_single_file_are_refused(tmp_path: Path) -> None:
    whole = result(replay(str(HEALTHY))[1])
    cycles = tmp_path / "cycles.json"
    options = {**(whole.options or {}), "cycles": 5}
    cycles.write_bytes(msgspec.json.encode(msgspec.structs.replace(whole, options=options)))
    refused(compare(tmp_path, HEALTHY, cycles), "has cycles, and only single runs and ramps can be compared")
    refused(compare(tmp_path, HEALTHY), "takes two runs, or more")


def refused(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    assert sentence in done.stderr.splitlines()[-1]


def test_a_run_that_nobody_counted_is_not_green() -> None:
    good = Run("a", replay(str(HEALTHY))[0].figures)
    blind = replace(good, figures={**good.figures, "held": None, "listener_held": None})
    assert judge([good, good, good], 0.1).exit_code == 0
    assert judge([good, good, blind], 0.1).exit_code == 4


def test_chart(page: Page, tmp_path: Path) -> None:
    files = [HEALTHY, slower(tmp_path, 1.5), slower(tmp_path, 40)]
    assert compare(tmp_path, *files).returncode == 1
    chart = tmp_path / "comparison.html"
    assert not re.findall(r"""<(?:script|link|img)[^>]* (?:src|href)=""", chart.read_text(encoding="utf-8"))
    page.driver.get(f"file://{chart}")
    drawn = (
        "return [...document.querySelectorAll('.trend > div')].map((figure) => "
        "[figure.layout.title.text, figure.data[0].y, figure.data[0].marker.color])"
    )
    page.wait(lambda: bool(page.driver.execute_script(drawn)))
    figures = {title: (values, colours) for title, values, colours in page.driver.execute_script(drawn)}
    values, colours = figures["version_p99 (ms)"]
    assert values == pytest.approx([11.139, 16.709, 445.567], abs=0.01)
    assert colours[2] not in colours[:2]
    assert len(set(figures["held (notifications)"][1])) == 1
