"""A ramp finds where the broker breaks, and why; whatever keeps it from finding out is named."""

from __future__ import annotations

import re
import signal
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from scenario.errors import BrokerError, Lost
from scenario.flow.ramp import RampFlow, restart
from tests.support.fleet import start_fleet
from tests.support.processes import Processes
from tests.support.stack import Stack, steps, verdict

INCONCLUSIVE = 4
HELD = r"(slow receivers cost nothing|connections held within the SLO) \(at most: version \d+ ms, .*, healthy \d+ ms\)"
QUICK = ("--hold", 5, "--idle-connections", 3)


@pytest.mark.timeout(360)
@pytest.mark.parametrize(
    ("nofile", "up"), [(600, "183:200:17"), pytest.param(3000, "200:2000:200", marks=pytest.mark.slow)]
)
def test_finds_the_breaking_point_to_within_5_percent(
    processes: Processes, tmp_path: Path, nofile: int, up: str
) -> None:
    asked = ("--ramp", up, "--nofile", str(nofile), "--output", str(tmp_path / "out"))
    quick = ("--", "--hold", "5", "--baseline", "1", "--healthy", "0")  # they use workers, which keep descriptors
    run = processes.start("sh", "setup_scripts/rehearse.sh", *asked, *quick, name="rehearse")
    assert run.wait(340) == 1, run.output
    taken = steps(tmp_path / "out" / "rehearsal")
    held = max(int(step["subscriptions"]) for step in taken if step["verdict"] == "PASS")
    true = (nofile - int(taken[0]["rest_fds"]) - 10 - 1) / 3  # the idle clients, and a probe
    assert held == pytest.approx(true, rel=0.05), taken
    outcome, reasons = verdict(run)
    assert outcome == "FAIL"
    assert f"ramp: {held} connections held within the SLO (at most: version " in reasons, "nobody asked the healthy"
    assert re.search(r"ms\); from \d+ on .*GET /version.* (fails?|takes)\b", reasons), reasons
    assert "cause: the broker ran out of file descriptors" in reasons
    assert f"evidence: {nofile} of {nofile} open" in reasons
    at_rest = [int(step["rest_fds"]) for step in taken]
    assert max(at_rest) - min(at_rest) < 10, "each step has a fresh broker; probes come and go"
    log = (tmp_path / "out" / "connections_stress_tests.log").read_text(encoding="utf-8")
    assert len([line for line in log.splitlines() if " | step " in line]) == len(taken)
    report = (tmp_path / "out" / "rehearsal.html").read_text(encoding="utf-8")
    assert "Steps of the ramp" in report


def ramp(stack: Stack, *more: str | int, delay: str = "30m") -> tuple[str | int, ...]:
    stack.start("-httpTimeout", 7200000, delay=delay)
    return ("--ramp", "20:60:40", *QUICK, *more)


@pytest.mark.slow
def test_all_held_passes(stack: Stack) -> None:
    run = stack.locust(*ramp(stack))
    assert run.wait(90) == 0, run.output
    assert re.search(rf"ramp: 60 {HELD}, as many as were asked for", verdict(run)[1]), run.output
    assert [step["held"] for step in steps(stack.prefix)] == ["20", "60"]
    rows = stack.rows()
    for number in ("1", "2"):
        seconds = [int(row["second"]) for row in rows if row["step"] == number]
        assert seconds == list(range(-1, 11)), "a row for every second of each step"
        last = [row for row in rows if row["step"] == number][-1]
        assert int(last["established"]) + int(last["close_wait"]) < 20, "the listener has let go"
    assert stack.received() == 80


@pytest.mark.parametrize("count", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_healthy_break_first(stack: Stack, count: int) -> None:
    stack.start("-httpTimeout", 7200000, delay="30m", workers=60)
    asked = ("--ramp", "58:60:2", *QUICK)
    run = stack.locust(*asked) if count == 1 else start_fleet(stack, "processes", *asked).master
    assert run.wait(120) == 1, run.output
    good, bad = steps(stack.prefix)
    assert [good["held"], bad["held"]] == ["58", "60"], "all were held, and yet it broke"
    assert float(good["healthy_max_ms"]) < 1000 < float(bad["healthy_max_ms"])
    assert (bad["nok"], bad["cause"]) == ("0", "starved")
    reasons = verdict(run)[1]
    assert re.search(rf"ramp: 58 {HELD}; from 60 on a healthy notification takes \d+\.\d s\n", reasons), reasons
    assert "cause: healthy subscribers wait for a notification worker" in reasons
    assert stack.received() == 118


@pytest.mark.slow
def test_restart_command_that_fails_is_named(stack: Stack) -> None:
    run = stack.locust(*ramp(stack, "--restart-command", "echo no such broker >&2; exit 3"))
    assert run.wait(90) == INCONCLUSIVE, run.output
    outcome, reasons = verdict(run)
    assert outcome == "INCONCLUSIVE"
    assert "60 could not be judged: --restart-command ended with 3: no such broker" in reasons
    assert re.search(rf"ramp: 20 {HELD} so far, of 60", reasons), reasons


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("sleep 7 & echo started", ""),
        ("sleep 7; echo never", "--restart-command did not end within 1 s"),
        ("echo first; echo second; exit 3", "--restart-command ended with 3: second"),
        ("echo wrong >&2; echo last; exit 4", "--restart-command ended with 4: wrong"),
        ("printf '\\377'; exit 5", "--restart-command ended with 5: \ufffd"),
        ("exit 6", "--restart-command ended with 6"),
    ],
)
def test_a_restart_waits_for_its_command_but_not_for_what_that_started(command: str, sentence: str) -> None:
    """The broker that it starts goes on, with the command's output open."""
    began = time.monotonic()
    with pytest.raises(Lost, match=f"^{sentence}$") if sentence else nullcontext():
        restart(command, limit=1.0)
    assert time.monotonic() - began < 5


class Starting:
    """A broker that says its version at once, and reaches its database when it is asked for the third time."""

    asked = 0

    def ask_version(self) -> str:
        return ""

    def ask_ready(self) -> None:
        self.asked += 1
        if self.asked < 3:
            raise BrokerError("relation subscriptions does not exist")


def test_a_restarted_broker_has_to_reach_its_database() -> None:
    flow: Any = RampFlow.__new__(RampFlow)
    flow.broker, flow.users = Starting(), lambda count: count
    assert list(flow.answering(time.monotonic() + 60)) == [0, 0]


@pytest.mark.slow
def test_interrupted_ramp_tells_what_it_has(stack: Stack) -> None:
    run = stack.locust(*ramp(stack))
    run.wait_for("step 2: .* connections", 40)
    run.wait_for("(?s)step 2: [0-9]+ connections.*phase observe", 40)
    assert run.stop(signal.SIGTERM, timeout=15) == INCONCLUSIVE
    outcome, reasons = verdict(run)
    assert outcome == "INCONCLUSIVE"
    assert re.search(rf"ramp: 20 {HELD} so far, of 60", reasons), reasons
    assert "interrupted in phase observe" in reasons


def test_listener_that_lets_go_by_itself_is_a_preflight_error(stack: Stack) -> None:
    run = stack.locust(*ramp(stack, delay="5s"))
    assert run.wait() == 3
    assert "delay: 5 s; start it with -delay 24h" in verdict(run)[1]
    assert stack.count_subscriptions() == 0


def test_several_updates_in_each_step(processes: Processes, tmp_path: Path) -> None:
    asked = ("--ramp", "10:20:10", "--updates", "3", "--output", str(tmp_path / "out"))
    run = processes.start("sh", "setup_scripts/rehearse.sh", *asked, "--", "--hold", "5", "--baseline", "1")
    assert run.wait(120) == 0, run.output
    assert [step["held"] for step in steps(tmp_path / "out" / "rehearsal")] == ["30", "60"]
    assert "step 2: PASS, 60 of 60 held" in run.output
    assert re.search(rf"ramp: 20 x 3 {HELD}, as many as were asked for", verdict(run)[1]), run.output
