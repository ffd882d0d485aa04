"""A peer that answers without end, compressed, or no HTTP: one sentence about it, soon, in little memory."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import hostile

_PROGRAM = Path(hostile.__file__)
MOST_GROWN = 16  # MB


@pytest.fixture(scope="module")
def rows() -> dict[str, list[dict[str, Any]]]:
    """What came of each case."""
    env = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, _PROGRAM], capture_output=True, text=True, timeout=100, env=env, check=False)
    assert not done.stderr
    found: dict[str, list[dict[str, Any]]] = {}
    for row in map(json.loads, done.stdout.splitlines()):
        found.setdefault(row["case"], []).append(row)
    return found


@pytest.mark.parametrize("case", hostile.ENDLESS)
def test_an_answer_without_end(rows: dict[str, list[dict[str, Any]]], case: str) -> None:
    assert len(rows[case]) == 2
    for row in rows[case]:
        assert hostile.ENDLESS[case][2] in row["text"]
        assert row["grown"] < MOST_GROWN


@pytest.mark.parametrize("case", hostile.WRONG)
def test_what_is_no_answer(rows: dict[str, list[dict[str, Any]]], case: str) -> None:
    assert len(rows[case]) == len(hostile.CALLS)
    for row in rows[case]:
        assert re.search(hostile.WRONG[case][1], row["text"])
        assert not re.search("unforeseen|connection refused|time limit|^answered", row["text"])


@pytest.mark.parametrize("case", hostile.DRIBBLING)
def test_an_answer_that_dribbles(rows: dict[str, list[dict[str, Any]]], case: str) -> None:
    assert len(rows[f"dribbling {case}"]) == len(hostile.CALLS)
    for row in rows[f"dribbling {case}"]:
        assert "no answer within the time limit" in row["text"]
        assert row["seconds"] < 3
