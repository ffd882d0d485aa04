"""What nobody foresaw, wherever it is raised, is named in the verdict: INCONCLUSIVE, with the traceback in the log."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT
from tests.support.stack import Stack, verdict

# A locustfile beside ours, in which something goes wrong
FAULTS = {
    "listener": ("events.on(Row, wrong)", "a listener to Row"),
    "output at the verdict": ("events.on(Verdict, wrong)", "a listener to Verdict"),
    "phase": ("Flow.trigger = wrong", "phase trigger"),
    "probe": ("VersionProbe.version = property(wrong); ListenerProbe.on_start = wrong", "ListenerProbe"),
    "preflight": ("shape.look_around = wrong", "the run"),
}
EACH_TIME = ("output at the verdict", "probe")
LOCUSTFILE = """
from locustfile import *
from scenario.flow import shape
from scenario.flow.flow import Flow
from scenario.run import events
from scenario.run.results import Row, Verdict

def wrong(*_, **__):
    raise KeyError("nobody foresaw this")

wrong.__name__ = "trigger"
{fault}
"""


@pytest.mark.parametrize(
    "where", [name if name in EACH_TIME else pytest.param(name, marks=pytest.mark.slow) for name in FAULTS]
)
def test_it_is_named(stack: Stack, tmp_path: Path, where: str) -> None:
    fault, said = FAULTS[where]
    locustfile = tmp_path / "wrong.py"
    locustfile.write_text(LOCUSTFILE.format(fault=fault), encoding="utf-8")
    stack.start()
    run = stack.processes.start(
        *(Path(sys.executable).with_name("locust"), "--locustfile", locustfile, "--headless", "--only-summary"),
        *stack.options("--duration", "7s"),
        env={"PYTHONPATH": str(ROOT)},
    )
    assert run.wait(60) == 4, run.output
    outcome, reasons = verdict(run)
    assert outcome == "INCONCLUSIVE"
    assert f"unforeseen, in {said}: KeyError('nobody foresaw this')" in reasons
    assert 'raise KeyError("nobody foresaw this")' in run.output, "the traceback is in the log"
    assert Path(f"{stack.prefix}_run.jsonl").read_text(encoding="utf-8").endswith("}\n")
