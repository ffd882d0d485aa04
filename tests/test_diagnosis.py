"""The table of causes over constructed rows: what each needs, and what it must not be mistaken for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from scenario.run.results import Row
from scenario.verdict.held import Hold
from scenario.verdict.single import judge_hold
from tests.support.holds import TRIGGER, changed, healthy
from tests.support.surroundings import ADDRESS, found, listener, process

POOL = "threadpool:60000:100"
Change = Callable[[Row], Row]


def after(second: int, **parts: Mapping[str, object]) -> Change:
    """Change samples from a second after the trigger on: part=dict(field=value)."""

    def change(row: Row) -> Row:
        if row.second < TRIGGER + second:
            return row
        samples = {part: replace(getattr(row, part), **fields) for part, fields in parts.items()}
        return replace(row, **samples)

    return change


def version(error: str) -> dict[str, object]:
    return {"error": error}


def seen(*changes: Change, command_line: str = "-notificationMode threadpool:60000:100", delay: float = 12) -> Hold:
    run = healthy()
    for change in changes:
        run = changed(run, change)
    return replace(run, found=found({}, process=process(command_line), listeners={ADDRESS: listener(delay)}))


CLOSED, SILENT, REFUSED = "closed without an answer", "no answer within the time limit", "connection refused"
FEW = {"established": 32, "to_listeners": 20}
ROWS = [
    (["select"], [after(5, version=version(CLOSED), connections={"free_low": 0, "fds": 1100, "nofile": 20000})]),
    (["unknown"], [after(5, version=version(CLOSED), connections={"free_low": 400, "fds": 1100, "nofile": 20000})]),
    (["unknown"], [after(5, version=version(SILENT), connections={"free_low": 0, "fds": 1100, "nofile": 20000})]),
    (["nofile"], [after(1, version=version(SILENT), connections={**FEW, "free_low": 0, "fds": 1200, "nofile": 1200})]),
    (["nofile"], [after(1, version=version(CLOSED), connections={**FEW, "free_low": 0, "fds": 1200, "nofile": 1200})]),
    (["workers"], [after(0, queue={"backlog": 80}, connections=FEW, listener={"held": 20, "accepted": 20})]),
    (["queue"], [after(0, queue={"backlog": 10, "rejected": 70}, connections=FEW)]),
    (["broker-dies"], [after(5, version=version(REFUSED))]),
    (["broker-restarts"], [after(0, connections={"process": "1 started 1"}), after(5, connections={"process": "2 x"})]),
    (["broker-restarts"], [after(5, queue={"entered": 0})]),
    (["slow"], [after(2, version={"latency": 1500.0})]),
    (["unknown"], [after(2, version={"latency": 1500.0}), after(5, version=version(SILENT))]),
    (["stale-cache"], [after(0, queue={"entered": 200})]),
    (["transient"], [after(-9, queue={"entered": None, "size": None, "backlog": None, "rejected": None})]),
    (
        ["listener-down"],
        [after(0, listener={"error": f"l:8090: {REFUSED}"}, connections={"established": 12, "to_listeners": 0})],
    ),
    (["listener-nofile"], [after(0, listener={"accepted": 40, "held": 40, "out_of_descriptors": 3})]),
    (["http-timeout"], [after(5, queue={"sent_error": 100}, listener={"abandoned": 100})]),
    (["listener-closes"], [after(12, queue={"sent_error": 100}, connections={"close_wait": 0})]),
]


@pytest.mark.parametrize(("names", "changes"), ROWS)
def test_cause(names: list[str], changes: list[Change]) -> None:
    mode = {"transient": "transient", "workers": "threadpool:60000:20", "queue": "threadpool:10:20"}.get(names[0], POOL)
    verdict = judge_hold(seen(*changes, command_line=f"-reqPoolSize 4 -notificationMode {mode}"))
    assert [cause.cause for cause in verdict.causes] == names, (verdict.reasons, verdict.causes)
    assert all(cause.evidence and cause.remedy for cause in verdict.causes)
    assert verdict.outcome in ("FAIL", "INCONCLUSIVE")


def test_a_pass_names_no_cause() -> None:
    all_taken = seen(after(-9, connections={"free_low": 0, "fds": 15029, "nofile": 20000}))
    verdict = judge_hold(all_taken)
    assert (verdict.outcome, verdict.causes) == ("PASS", ())


def test_earlier_runs_do_not_count() -> None:
    verdict = judge_hold(seen(after(-9, queue={"sent_error": 5000, "rejected": 70}, listener={"abandoned": 5000})))
    assert (verdict.outcome, verdict.causes) == ("PASS", ())


def test_listener_that_does_not_tell_is_judged_by_the_command_line() -> None:
    silent = {"error": "404", "held": None, "accepted": None, "out_of_descriptors": None, "abandoned": None}
    changes = after(-9, listener=silent), after(5, queue={"sent_error": 100})
    for timeout, name in (("5000", "http-timeout"), ("600000", "listener-closes")):
        verdict = judge_hold(seen(*changes, command_line=f"-httpTimeout {timeout} -notificationMode threadpool:9:100"))
        assert [cause.cause for cause in verdict.causes] == [name], verdict


def test_interrupted_run_need_not_have_a_cause() -> None:
    run = seen()
    assert judge_hold(replace(run, progress=replace(run.progress, interrupted="observe"))).causes == ()


def test_subscriptions_that_were_there_before_are_no_stale_cache() -> None:
    run = seen(after(0, queue={"entered": 200}))
    assert judge_hold(replace(run, progress=replace(run.progress, existing=100))).outcome == "PASS"
