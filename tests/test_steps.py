"""What a ramp and cycles conclude from their steps: the breaking point, and what grows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from scenario.flow.ramp import Plan
from scenario.run.progress import Progress
from scenario.run.results import Criterion, Diagnosis, Rest, Step, Verdict
from scenario.verdict.cycles import judge_cycles
from scenario.verdict.hold import Hold
from scenario.verdict.ramp import judge_ramp
from tests.benchmarks.brokers import breaks_at
from tests.support.holds import options
from tests.support.inspector import inspection
from tests.support.surroundings import found

CAUSE = Diagnosis("nofile", "the broker ran out of file descriptors", "300 of 300", "ulimit")
POOL = 500  # of workers: that many are held
REST = Rest(connections=12, fds=100, threads=5, rss=50_000_000)


FIGURES = {"version_max": 4.0, "update_max": 5.0, "query_max": 3.0, "healthy_max": 14.0}


def step(
    subscriptions: int,
    outcome: str = "PASS",
    rest: Rest = REST,
    number: int = 1,
    broke: Sequence[str] = (),
    **figures: Any,
) -> Step:
    """Return a step; `broke` are its failed criteria, `figures` what differs from a good one's."""
    reasons = tuple(broke) or (f"why {outcome}",)
    verdict = Verdict(
        outcome,
        reasons,
        0,
        () if outcome == "PASS" else (CAUSE,),
        (*(_criterion(outcome, text) for text in reasons), Criterion("rows", "PASS", "all")),
        {**FIGURES, **figures},
    )
    return Step(number, subscriptions, min(subscriptions, POOL), 10, 0, rest, verdict)


def _criterion(outcome: str, reason: str) -> Criterion:
    name, _, text = reason.rpartition(": ")
    return Criterion(name, outcome, text)


UNDISTURBED = Progress()


def run(pool: str = "threadpool:60000:100", progress: Progress = UNDISTURBED, **asked: object) -> Hold:
    seen = found(asked, process=inspection(command_line=("contextBroker", "-notificationMode", pool)))
    return Hold(options(**asked), progress, None, [], seen)


NOTHING = "slow receivers cost nothing (at most: version 4 ms, update 5 ms, query 3 ms, healthy 14 ms)"


@pytest.mark.parametrize("point", [0, 1, 99, 100, 101, 333, 985, 1000, 1024, 1999, 2000, 5000])
@pytest.mark.parametrize(("start", "stop", "by"), [(100, 2000, 100), (200, 2000, 900), (2000, 2000, 1), (1, 1500, 7)])
def test_plan_finds_the_breaking_point_to_within_5_percent(point: int, start: int, stop: int, by: int) -> None:
    plan = Plan(start, stop, by)
    asked: list[int] = []
    while (count := plan.following()) is not None:
        asked.append(count)
        plan.note(count, count <= point)
    assert len(asked) == len(set(asked)), "no step is taken twice"
    assert asked[0] == start
    assert max(asked) <= stop
    if point >= stop:
        assert plan.bad is None
        assert plan.good == stop
    else:
        assert plan.bad is not None
        assert plan.good <= point < plan.bad
        assert plan.bad - plan.good <= max(1, 0.05 * plan.good)


def test_ramp_that_holds_all_passes() -> None:
    verdict = judge_ramp(run(subscriptions=400), [step(200), step(400)])
    assert (verdict.outcome, verdict.exit_code) == ("PASS", 0)
    assert verdict.reasons == (f"ramp: 400 {NOTHING}, as many as were asked for",)


def test_ramp_names_the_breaking_point_and_its_cause() -> None:
    steps = [step(200), step(400), step(600, "FAIL"), step(500, "FAIL", broke=["a: 1", "b: 2"]), step(450)]
    verdict = judge_ramp(run(subscriptions=800), steps)
    assert (verdict.outcome, verdict.exit_code) == ("FAIL", 1)
    first = f"ramp: 450 {NOTHING}; from 500 on a: 1"
    assert verdict.reasons == (first, "500: a: 1", "500: b: 2")
    assert verdict.causes == (CAUSE,)


HEALTHY, HELD = "healthy subscribers: 9 of 21 rows later", "held: 500 of 600 at one time"
LATE: dict[str, Any] = {"healthy_max": 6559.3}


@pytest.mark.parametrize(
    ("failed", "said"),
    [
        ([step(490, "FAIL", broke=[HEALTHY], **LATE)], "from 490 on a healthy notification takes 6.6 s"),
        (
            [step(600, "FAIL", broke=[HELD, HEALTHY], **LATE), step(500, "FAIL", broke=[HEALTHY], **LATE)],
            "from 500 on a healthy notification takes 6.6 s; with 600 only 500 are held, too",
        ),
        (
            [step(600, "FAIL", broke=[HELD, HEALTHY], **LATE)],
            "from 600 on only 500 are held and a healthy notification takes 6.6 s",
        ),
        ([step(490, "FAIL", broke=["version: 6 of 16 rows NOK"], version_nok=6)], "from 490 on GET /version fails"),
        (
            [step(490, "FAIL", broke=["version: 1 NOK", "version: 2 slow"], version_max=1874.0)],
            "from 490 on GET /version takes 1.9 s",
        ),
        ([step(490, "FAIL", broke=["update: 6 slow"], update_max=1200.0)], "from 490 on an update takes 1.2 s"),
        ([step(490, "FAIL", broke=["query: 6 NOK"], query_nok=6)], "from 490 on a query fails"),
        (
            [
                step(
                    510,
                    "FAIL",
                    broke=["idle clients: 6 of 10", "query: x", "version: x", HELD],
                    query_nok=6,
                    version_nok=1,
                )
            ],
            "from 510 on only 500 are held and GET /version and a query fail",
        ),
        (  # late at rest only, or lost: nothing that its figures tell
            [step(490, "FAIL", broke=["healthy subscribers: 3 notifications were lost"])],
            "from 490 on healthy subscribers: 3 notifications were lost",
        ),
        (
            [step(490, "FAIL", broke=["healthy subscribers of the same update: 3 of 10 notified"])],
            "from 490 on healthy subscribers of the same update wait",
        ),
        ([step(490, "FAIL", broke=["limit: fds < 9: 12"])], "from 490 on limit: fds < 9: 12"),
    ],
)
def test_what_broke_first(failed: Sequence[Step], said: str) -> None:
    verdict = judge_ramp(run(subscriptions=800), [step(450), *failed])
    assert verdict.reasons[0] == f"ramp: 450 {NOTHING}; {said}"


@pytest.mark.parametrize(
    ("limit", "said"), [(0, "healthy subscribers: 9 of 21 rows later"), (200, "a healthy notification takes 900 ms")]
)
def test_its_own_limit_tells_what_is_late(limit: int, said: str) -> None:
    late = step(490, "FAIL", broke=[HEALTHY], healthy_max=900.0)
    assert judge_ramp(run(subscriptions=800, healthy_slo=limit), [late]).reasons[0] == (
        f"ramp: no step was held within the SLO; from 490 on {said}"
    )


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({}, NOTHING),
        (
            {"version_max": 100.4},
            "connections held within the SLO (at most: version 100 ms, update 5 ms, query 3 ms, healthy 14 ms)",
        ),
        (
            {"update_nok": 1.0},
            "connections held within the SLO (at most: version 4 ms, update 5 ms, query 3 ms, healthy 14 ms)",
        ),
        ({"healthy_max": None}, "connections held within the SLO (at most: version 4 ms, update 5 ms, query 3 ms)"),
        (dict.fromkeys(FIGURES), "connections held within the SLO"),
    ],
)
def test_what_they_cost(figures: dict[str, Any], said: str) -> None:
    """Nothing: only where somebody looked at the healthy, and nobody would have felt it."""
    verdict = judge_ramp(run(subscriptions=800, version_slo=1000), [step(400, **figures)])
    assert verdict.reasons[0] == f"ramp: 400 {said} so far, of 800"


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ({100: "PASS", 200: "FAIL", 400: "FAIL"}, "200, not 100"),
        ({1: "FAIL", 100: "FAIL"}, "1"),
        ({100: "FAIL", 200: "PASS"}, "none up to 200"),  # it was slow once, and with more not again
        ({}, "-"),
    ],
)
def test_the_number_at_which_a_client_breaks(outcomes: dict[int, str], said: str) -> None:
    taken = [step(number, outcome, broke=["query: told"]) for number, outcome in outcomes.items()]
    assert breaks_at([*taken, step(500, "FAIL", broke=["the run ended before"])], "query") == said


def test_ramp_tells_the_updates_of_each_step() -> None:
    taken = [replace(step(20), updates=3), replace(step(30, "FAIL", broke=[HEALTHY], **LATE), updates=3)]
    verdict = judge_ramp(run(subscriptions=30, updates=3), taken)
    assert verdict.reasons[0] == f"ramp: 20 x 3 {NOTHING}; from 30 x 3 on a healthy notification takes 6.6 s"
    assert verdict.reasons[1].startswith("30 x 3: ")
    assert "step" not in str(taken[0])
    assert "20 of 60 held" in str(taken[0])


def test_ramp_on_a_broker_that_kept_descriptors_says_so() -> None:
    verdict = judge_ramp(run(subscriptions=800), [step(200), step(400, "FAIL", replace(REST, fds=500))])
    assert any("kept 400 descriptors" in reason and "--restart-command" in reason for reason in verdict.reasons)


@pytest.mark.parametrize(
    ("steps", "interrupted"),
    [([step(200), step(400, "INCONCLUSIVE")], ""), ([step(200)], "observe"), ([], "seed")],
)
def test_ramp_that_cannot_judge_is_inconclusive(steps: Sequence[Step], interrupted: str) -> None:
    verdict = judge_ramp(run(subscriptions=400, progress=Progress(interrupted=interrupted)), steps)
    assert (verdict.outcome, verdict.exit_code) == ("INCONCLUSIVE", 4)


UNFORESEEN = Progress(missing=("unforeseen, in a listener to Step: KeyError('x') (the log has the traceback)",))


@pytest.mark.parametrize("steps", [[], [step(200)], [step(200), step(400)]])
def test_ramp_in_which_something_unforeseen_happened_says_so(steps: Sequence[Step]) -> None:
    verdict = judge_ramp(run(subscriptions=400, progress=UNFORESEEN), steps)
    assert verdict.outcome == "INCONCLUSIVE"
    assert UNFORESEEN.missing[0] in verdict.reasons


def test_what_a_step_says_is_not_said_twice() -> None:
    lost = Progress(missing=("why INCONCLUSIVE",))
    verdict = judge_ramp(run(subscriptions=400, progress=lost), [step(200), step(400, "INCONCLUSIVE")])
    assert [reason for reason in verdict.reasons if "why" in reason] == ["400 could not be judged: why INCONCLUSIVE"]


@pytest.mark.parametrize(("fds", "reported"), [(105, False), (106, True), (None, False)])
def test_descriptors_that_were_kept(fds: int | None, reported: bool) -> None:
    verdict = judge_ramp(run(subscriptions=800), [step(200), step(400, "FAIL", replace(REST, fds=fds))])
    assert any("kept" in reason for reason in verdict.reasons) == reported


def levels(**grows: int) -> list[Rest]:
    """Return the levels at rest before five cycles and after them; a figure grows by so much in each."""
    return [
        replace(REST, **{name: getattr(REST, name) + number * by for name, by in grows.items()}) for number in range(6)
    ]


def judged(rests: Sequence[Rest], pool: str = "threadpool:60000:100") -> Verdict:
    cycles = [step(100, rest=rest, number=number) for number, rest in enumerate(rests[:-1], 1)]
    return judge_cycles(run(pool, cycles=len(cycles)), cycles, rests[-1])


def test_steady_cycles_pass() -> None:
    verdict = judged(levels())
    assert (verdict.outcome, verdict.exit_code) == ("PASS", 0)
    assert "growth: 100 to 100 descriptors at rest in 4 cycles" in verdict.reasons


@pytest.mark.parametrize(
    ("figure", "by", "reason"),
    [
        ("fds", 100, "growth: 200 to 600 descriptors at rest in 4 cycles, 100.0 in each"),
        ("threads", 2, "growth: 7 to 15 threads"),
        ("connections", 3, "growth: 15 to 27 connections"),
        ("rss", 8_000_000, "growth: 58 to 90 MB RSS at rest in 4 cycles, as of late 8.00 MB in each"),
    ],
)
def test_growth_is_a_leak(figure: str, by: int, reason: str) -> None:
    verdict = judged(levels(**{figure: by}))
    assert (verdict.outcome, verdict.exit_code) == ("FAIL", 1)
    assert any(text.startswith(reason) for text in verdict.reasons), verdict.reasons


@pytest.mark.parametrize(
    "fds", [(100, 400, 401, 400, 402, 401), (100, 400, 500, 500, 500, 500), (100, 900, 1, 1, 1, 1)]
)
def test_what_comes_and_goes_is_none(fds: Sequence[int]) -> None:
    assert judged([replace(REST, fds=count) for count in fds]).outcome == "PASS"


def test_first_use_of_a_worker_is_none() -> None:
    """With 300 workers and 100 notifications it takes three cycles until each has been used."""
    rests = [replace(REST, fds=100 + 300 * min(used, 3)) for used in range(6)]
    assert judged(rests, "threadpool:60000:300").outcome == "PASS"
    assert judged(rests).outcome == "PASS", "it stopped growing"
    few = judged(rests[:5], "threadpool:60000:300")
    assert few.outcome == "INCONCLUSIVE"
    assert any("takes at least 5 cycles" in reason for reason in few.reasons)


def test_levels_that_nobody_counted_are_inconclusive() -> None:
    assert judged([REST, REST, REST, Rest(), REST, REST]).outcome == "INCONCLUSIVE"


def test_cycle_that_fails_is_named() -> None:
    verdict = judge_cycles(run(cycles=5), [step(100), step(100, "FAIL", number=2)], Rest())
    assert verdict.outcome == "FAIL"
    assert "cycle 2: why FAIL" in verdict.reasons
    assert verdict.causes == (CAUSE,)


def test_cycles_in_which_something_unforeseen_happened_say_so() -> None:
    cycles = [step(100, number=number) for number in range(1, 6)]
    verdict = judge_cycles(run(cycles=5, progress=UNFORESEEN), cycles, REST)
    assert verdict.outcome == "INCONCLUSIVE"
    assert verdict.reasons[0] == UNFORESEEN.missing[0]


MB = 1_000_000


@pytest.mark.parametrize(
    ("figure", "values", "grows"),
    [
        ("fds", (0, 100, 101, 102, 103, 104), False),  # 4 may come and go by themselves
        ("fds", (0, 100, 101, 102, 103, 105), True),
        ("fds", (0, 100, 120, 120, 140, 160), False),  # not in each cycle
        ("threads", (0, 5, 6, 7, 8, 10), True),
        ("connections", (0, 12, 11, 18, 19, 20), False),
    ],
)
def test_where_growth_begins(figure: str, values: Sequence[int], grows: bool) -> None:
    verdict = judged([replace(REST, **{figure: value}) for value in values])
    assert verdict.outcome == ("FAIL" if grows else "PASS"), verdict.reasons


# Of a real Orion 4.7.0, in MB: 1,050 workers, 1,000 subscriptions, cycles of 5 s
SETTLES = (91, 128, 136, 141, 146, 151, 155, 159, 163, 164, 165, 166, 167, 168, 168, 169, 169, 170, 171, 175, 178)


def soaked(*levels: float, subscriptions: int = 1000, updates: int = 1) -> Verdict:
    """Judge cycles of so much RSS at rest, in MB; the last level is that after them."""
    rests = [replace(REST, rss=round(level * MB)) for level in levels]
    cycles = [step(subscriptions, rest=rest, number=number) for number, rest in enumerate(rests[:-1], 1)]
    hold = run("threadpool:60000:1050", cycles=len(cycles), subscriptions=subscriptions, updates=updates, duration=10.0)
    return judge_cycles(hold, cycles, rests[-1])


def test_each_of_several_updates_notifies() -> None:
    assert soaked(*SETTLES, subscriptions=500, updates=2).reasons == soaked(*SETTLES).reasons
    assert "200 of 200 held" in str(replace(step(100), updates=2, held=200))


def memory(verdict: Verdict) -> str:
    """Return what it says of the memory."""
    return next(reason for reason in verdict.reasons if " RSS at rest" in reason)


@pytest.mark.parametrize("cycles", range(4, len(SETTLES)))
def test_what_settles_is_no_leak(cycles: int) -> None:
    verdict = soaked(*SETTLES[: cycles + 1])
    assert verdict.outcome == "INCONCLUSIVE"
    more = max(10 - (cycles - 2), cycles - 2)  # the first two are the workers' first uses
    assert f"still settling: {more} more cycles would tell" in memory(verdict)


def stepping(each: float, cycles: int) -> list[float]:
    """Return levels that grow by `each` bytes per cycle, in steps of 128 KiB, as malloc takes them."""
    return [60, 70, *(80 + 0.131072 * int(each * cycle / 131_072) for cycle in range(cycles - 1))]


def test_the_cycles_that_it_names_find_a_small_leak() -> None:
    short = soaked(*stepping(0, 5))
    assert short.outcome == "PASS"
    named = re.search(r"of less than (\d+) bytes .* been seen, one of 100 takes (\d+) cycles", memory(short))
    assert named, short.reasons
    assert int(named[1]) > 100
    leak = 100 * (1000 + 10 * 13)  # notifications to 10 healthy subscribers in 13 s, beside the 1,000
    leaky = soaked(*stepping(leak, int(named[2])))
    assert leaky.outcome == "FAIL", leaky.reasons
    each = re.search(r"\((\d+) bytes per notification\)", memory(leaky))
    assert each
    assert int(each[1]) == pytest.approx(100, rel=0.3)
    steady = soaked(*stepping(0, int(named[2])))
    assert steady.outcome == "PASS"
    assert re.search(r"of less than (\d\d) bytes per notification would not have been seen$", memory(steady))


def test_a_leak_after_it_had_settled_is_found() -> None:
    levels = [90, 120, 140, 150, 155, *(157 + 0.5 * cycle for cycle in range(25))]
    assert soaked(*levels).outcome == "FAIL"
