"""The verdict's table: what makes a FAIL, what an INCONCLUSIVE, and that nothing missing ever makes a PASS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from scenario.run.records import IdleClients
from scenario.run.results import Row
from scenario.run.samples import ConnectionSample, VersionSample
from scenario.verdict.criteria import judge_hold
from scenario.verdict.hold import Hold
from tests.support.holds import changed, options, passing


def nok(second: int) -> Callable[[Row], Row]:
    return lambda row: (
        replace(row, version=VersionSample(second, second, 1.0, "refused")) if row.second == second else row
    )


def test_healthy_run_passes() -> None:
    verdict = judge_hold(passing())
    assert (verdict.outcome, verdict.exit_code) == ("PASS", 0)
    assert "held: 100 of 100 at one time (at second 1)" in verdict.reasons


def without_seconds(hold: Hold, lost: int) -> Hold:
    return changed(hold, lambda row: None if 1008 <= row.second < 1008 + lost else row)


@pytest.mark.parametrize(("lost", "outcome"), [(0, "PASS"), (1, "PASS"), (2, "INCONCLUSIVE")])
def test_a_short_run_may_lose_one_second(lost: int, outcome: str) -> None:
    assert judge_hold(without_seconds(passing(), lost)).outcome == outcome


def set_idle(run: Hold, idle: IdleClients | None) -> Hold:
    return replace(run, progress=replace(run.progress, idle=idle))


@pytest.mark.parametrize(
    ("spoil", "outcome", "reason"),
    [
        (lambda run: changed(run, nok(1009)), "FAIL", "version: 1 of 21 rows NOK"),
        (
            lambda run: changed(run, lambda row: replace(row, version=VersionSample(row.second, row.at, 1001.0))),
            "FAIL",
            "21 of 21 rows slower than 1000 ms",
        ),
        (lambda run: changed(run, lambda row: None), "INCONCLUSIVE", "held: not measured"),
        (
            lambda run: changed(run, lambda row: None if row.second in (1008, 1009) else row),
            "INCONCLUSIVE",
            "rows: for 19 of 21 seconds",
        ),
        (
            lambda run: changed(run, lambda row: replace(row, connections=None)),
            "INCONCLUSIVE",
            "connection counts: for 0 of 21 seconds",
        ),
        (
            lambda run: changed(run, lambda row: row if row.since_trigger < 0 else replace(row, connections=None)),
            "INCONCLUSIVE",
            "held: not measured",
        ),
        (
            lambda run: changed(
                run,
                lambda row: replace(
                    row,
                    connections=ConnectionSample(row.second, row.at, 12, 0, 1, 1, 1),
                    listener=row.listener and replace(row.listener, held=0),
                ),
            ),
            "FAIL",
            "held: 0 of 100",
        ),
        (lambda run: replace(run, options=options(idle_connections=12)), "FAIL", "10 of 12 accepted"),
        (lambda run: set_idle(run, IdleClients(1006.5, 10, 9)), "FAIL", "9 answered before they disconnected"),
        (lambda run: set_idle(run, IdleClients(1006.5, 10)), "INCONCLUSIVE", "idle clients"),
        (lambda run: set_idle(run, None), "INCONCLUSIVE", "idle clients"),
    ],
)
def test_spoilt_run_does_not_pass(spoil: Callable[[Hold], Hold], outcome: str, reason: str) -> None:
    verdict = judge_hold(spoil(passing()))
    assert verdict.outcome == outcome
    assert verdict.exit_code == {"FAIL": 1, "INCONCLUSIVE": 4}[outcome]
    assert any(reason in text for text in verdict.reasons), verdict.reasons


def test_tolerated_nok_rows() -> None:
    spoilt = changed(passing(), nok(1009))
    assert judge_hold(replace(spoilt, options=options(max_nok=1))).outcome == "PASS"


def test_interrupted_run_is_inconclusive_whatever_it_saw() -> None:
    run = changed(passing(), nok(1009))
    verdict = judge_hold(replace(run, progress=replace(run.progress, interrupted="observe")))
    assert (verdict.outcome, verdict.exit_code) == ("INCONCLUSIVE", 4)
    assert "interrupted in phase observe" in verdict.reasons
