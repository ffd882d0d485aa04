"""A soak of several cycles finds a leak, of whatever kind, and none where there is none."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.processes import Processes
from tests.support.stack import steps

GROWS = {"fds": "descriptors", "threads": "threads", "memory": "RSS", "connections": "connections"}
ALSO = {"connections": "descriptors", "threads": "RSS"}  # a connection that stays has a descriptor, a thread its stack
COUNT = 100


@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    ("leak", "cycles"),
    [("fds", 4), *(pytest.param(leak, 5, marks=pytest.mark.slow) for leak in ("", *list(GROWS)[1:]))],
)
def test_cycles(processes: Processes, tmp_path: Path, leak: str, cycles: int) -> None:
    sizes = ("--cycles", cycles, "--subscriptions", COUNT, "--output", tmp_path / "out")
    leaks = ("--leak", leak) if leak else ()
    quick = ("--", "--hold", "5", "--baseline", "2")
    run = processes.start("sh", "setup_scripts/rehearse.sh", *sizes, *leaks, *quick, name="rehearse")
    assert run.wait(180) == (1 if leak else 0), run.output
    summary = run.output[run.output.rfind("Verdict:") :]
    assert f"cycles: {cycles} of {cycles} passed" in summary
    grown = [line.split(" at rest")[0].split()[-1] for line in summary.splitlines() if " in each" in line]
    assert (GROWS[leak] in grown) if leak else not grown, summary
    assert set(grown) <= {GROWS.get(leak), ALSO.get(leak)}, summary
    taken = steps(tmp_path / "out" / "rehearsal")
    assert [step["held"] for step in taken] == [str(COUNT)] * cycles
    marks = re.search(r'"marks":({.*?})', (tmp_path / "out" / "rehearsal.html").read_text(encoding="utf-8"))
    assert marks
    assert list(json.loads(marks[1])) == [*(f"cycle {number}" for number in range(1, cycles + 1)), "rest"]
