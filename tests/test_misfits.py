"""A file that is no recording of a run, however it came about, is one sentence and exit code 2, soon."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from scenario.errors import UnusableError
from scenario.outputs.words import lines
from scenario.replay import replay, usable
from tests.support.processes import ROOT

HEALTHY = Path(__file__).with_name("recordings") / "healthy.jsonl"
RECORDS: list[dict[str, Any]] = [json.loads(line) for line in HEALTHY.read_text(encoding="utf-8").splitlines()]
SCHEDULE = next(number for number, record in enumerate(RECORDS) if record["kind"] == "Schedule")
FOUND = next(number for number, record in enumerate(RECORDS) if record["kind"] == "Found")
ODD: list[Any] = [
    None,
    True,
    "",
    "x",
    "\x1b[31m",
    [],
    {},
    [1],
    0,
    -1,
    0.5,
    1e308,
    -1e308,
    10**18,
    2**64,
    10**30,
    253402300800,
]


def drawn_again(folder: Path, records: list[dict[str, Any]]) -> list[str]:
    path = folder / "run.jsonl"
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    with usable(str(path)):
        return list(lines(replay(str(path))[0]))


@pytest.mark.parametrize(
    ("number", "changed", "sentence"),
    [
        (SCHEDULE, {"at": 1e300}, "at is not in the years 1970 to 9999"),
        (SCHEDULE, {"at": -1}, "at is not in the years 1970 to 9999"),
        (SCHEDULE, {"start": 0}, "start, trigger and end are no seconds of a run"),
        (SCHEDULE, {"end": 10**15}, "start, trigger and end are no seconds of a run"),
        (SCHEDULE, {"trigger": 2**65}, "a number is beyond"),
        (
            FOUND,
            {"options": {**RECORDS[FOUND]["options"], "rate": 10**9}},
            "--rate: takes a whole number",
        ),
        (FOUND, {"options": {**RECORDS[FOUND]["options"], "duration": 1e15}}, "duration is impossible for a run"),
    ],
)
def test_what_can_be_of_no_run(tmp_path: Path, number: int, changed: dict[str, object], sentence: str) -> None:
    records = deepcopy(RECORDS)
    records[number].update(changed)
    with pytest.raises(UnusableError, match=f"line {number + 1} is not from a recorded run: .*{sentence}"):
        drawn_again(tmp_path, records)


def test_an_order_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UnusableError, match="a record of kind Schedule does not fit what is before it"):
        drawn_again(tmp_path, [RECORDS[SCHEDULE], *RECORDS])


@settings(max_examples=60, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_changed(tmp_path: Path, data: st.DataObject) -> None:
    records = deepcopy(RECORDS)
    number = data.draw(st.integers(0, len(records) - 1))
    place: Any = records[number]
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(st.sampled_from(ODD))
    records.insert(data.draw(st.integers(0, len(records))), records.pop(data.draw(st.integers(0, len(records) - 1))))
    with suppress(UnusableError):
        assert "\x1b" not in "".join(drawn_again(tmp_path, records))


@pytest.mark.parametrize("program", ["replay", "compare"])
def test_a_name_is_not_obeyed_by_a_terminal(tmp_path: Path, program: str) -> None:
    path = tmp_path / "\x1b[31mred"
    path.write_text("{\n", encoding="utf-8")
    command = [sys.executable, "-m", f"scenario.{program}", *[str(path)] * (1 + (program == "compare"))]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "/ [31mred: " in ended.stderr
    assert "\x1b" not in ended.stderr


@pytest.mark.parametrize("redirected", [">&- 2>&-", "> /dev/full", "| true"])
def test_the_exit_code_is_the_verdicts_whoever_reads(redirected: str) -> None:
    command = f'set -o pipefail; "$@" {redirected}'
    words = (sys.executable, "-m", "scenario.replay", str(HEALTHY.with_name("select-1200.jsonl")))
    assert subprocess.run(["bash", "-c", command, "sh", *words], cwd=ROOT, check=False).returncode == 1
