"""Records folded to rows, steps and one verdict: what comes of them, in whichever order they come."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scenario.recording.recorder import Recorder
from scenario.run import events
from scenario.run.phase import Phase
from scenario.run.records import (
    Accepted,
    HoldBegan,
    HoldEnded,
    IdleClients,
    Interrupted,
    PhaseBegan,
    Refused,
    Reset,
    RunBegan,
    RunEnded,
    Seeded,
    Unforeseen,
    Update,
)
from scenario.run.results import Row, Step, Verdict
from tests.support.holds import END, START, TRIGGER, passing
from tests.support.surroundings import found

BEFORE = START - 5


class Run:
    """Records are published; what the recorder makes of them is heard."""

    def __init__(self, **asked: object) -> None:
        self.heard: list[object] = []
        self.recorder = Recorder()
        for kind in (Row, Step, Verdict):
            events.on(kind, lambda result, at: self.heard.append(result))
        self.publish(RunBegan(), found(asked))

    def publish(self, *records: object, at: float = BEFORE) -> None:
        for record in records:
            events.fire(record, at)

    def hold(self, subscriptions: int = 100) -> None:
        """Hold the connections of a healthy broker, once."""
        run = passing()
        self.publish(HoldBegan(subscriptions), PhaseBegan(Phase.RESET), Reset(0))
        self.publish(PhaseBegan(Phase.SEED), Seeded(subscriptions, 0))
        assert run.schedule
        self.publish(PhaseBegan(Phase.BASELINE), run.schedule)
        for row in run.rows:
            if row.second == TRIGGER:
                self.publish(PhaseBegan(Phase.TRIGGER), Update(TRIGGER, 90.0), PhaseBegan(Phase.OBSERVE), at=TRIGGER)
            if row.second == 1007:
                self.publish(IdleClients(1006.5, 10, 10), at=1007)
            samples = (row.version, row.queue, row.connections, row.listener, row.client, row.healthy, row.database)
            self.publish(*samples, at=row.second + 0.5)

    def of(self, kind: type) -> list[object]:
        return [result for result in self.heard if isinstance(result, kind)]

    @property
    def verdict(self) -> Verdict:
        (verdict,) = self.of(Verdict)
        assert isinstance(verdict, Verdict)
        return verdict


@pytest.fixture(autouse=True)
def _nobody_else_listens() -> Iterator[None]:
    events.forget()
    yield
    events.forget()


def test_plain_run() -> None:
    run = Run()
    run.publish(Accepted())
    run.hold()
    assert run.recorder.complete
    run.publish(RunEnded(), at=END + 1)
    assert len(run.of(Row)) == END - START + 1
    assert run.of(Step) == []
    assert run.verdict.outcome == "PASS", run.verdict
    assert not run.recorder.under_way


def test_refused_run_is_judged_at_once() -> None:
    run = Run()
    run.publish(Refused("broker: refused\ndatabase: no answer"))
    assert (run.verdict.outcome, run.verdict.exit_code) == ("PREFLIGHT FAILED", 3)
    assert run.verdict.reasons == ("broker: refused", "database: no answer")


def test_preflight_only_is_no_failure() -> None:
    run = Run()
    run.publish(Refused(""))
    assert (run.verdict.outcome, run.verdict.exit_code) == ("PREFLIGHT OK", 0)


def test_interrupted_run_names_its_phase_and_is_judged_once() -> None:
    run = Run()
    run.publish(Accepted(), HoldBegan(100), PhaseBegan(Phase.SEED), Interrupted(), RunEnded(), RunEnded())
    assert run.verdict.outcome == "INCONCLUSIVE"
    assert run.verdict.reasons[0] == "interrupted in phase seed"


def test_each_step_is_judged_by_itself() -> None:
    run = Run(ramp="50:100:50", hold=17)
    run.publish(Accepted())
    for count in (50, 100):
        run.hold(count)
        run.publish(HoldEnded(), at=END + 1)
    run.publish(RunEnded(), at=END + 1)
    steps = run.of(Step)
    assert [(step.number, step.subscriptions) for step in steps if isinstance(step, Step)] == [(1, 50), (2, 100)]
    assert {row.step for row in run.of(Row) if isinstance(row, Row)} == {1, 2}


@pytest.mark.parametrize("when", ["in the step", "after it"])
def test_what_nobody_foresaw_in_one_step_is_in_the_verdict(when: str) -> None:
    wrong = Unforeseen("a listener to Row", "KeyError('x')")
    run = Run(ramp="50:100:50", hold=17)
    run.publish(Accepted())
    for count in (50, 100):
        run.hold(count)
        records = [wrong, HoldEnded()] if when == "in the step" else [HoldEnded(), wrong]
        run.publish(*(records if count == 50 else [HoldEnded()]), at=END + 1)
    run.publish(RunEnded(), at=END + 1)
    assert run.verdict.outcome == "INCONCLUSIVE"
    assert any("unforeseen, in a listener to Row: KeyError('x')" in reason for reason in run.verdict.reasons)


def test_nothing_of_a_run_is_left_in_the_next() -> None:
    run = Run()
    run.publish(Accepted(), HoldBegan(100), Unforeseen("phase seed", "KeyError('x')"), RunEnded())
    assert run.verdict.outcome == "INCONCLUSIVE"
    run.heard.clear()
    run.publish(RunBegan(), found({}), Accepted())
    run.hold()
    run.publish(RunEnded(), at=END + 1)
    assert run.verdict.outcome == "PASS"


def test_output_that_fails_at_the_verdict_takes_a_pass_back() -> None:
    run = Run()
    run.publish(Accepted())
    run.hold()
    run.publish(RunEnded(), at=END + 1)
    run.publish(Unforeseen("a listener to Verdict", "OSError('disk full')"), at=END + 1)
    passed, taken_back = run.of(Verdict)
    assert isinstance(taken_back, Verdict)
    assert (taken_back.outcome, taken_back.exit_code) == ("INCONCLUSIVE", 4)
    assert "disk full" in taken_back.reasons[0]
    assert passed != taken_back
