"""`--limit`: its expressions, its lines of the verdict; and the figures that it knows."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from scenario.replay import replay
from scenario.run.results import Row
from scenario.run.samples import VersionSample
from scenario.verdict.criteria import judge_hold
from scenario.verdict.evidence import Evidence
from scenario.verdict.expectations import parse
from scenario.verdict.hold import Hold
from scenario.verdict.measures import MEASURES, measured
from tests.support.holds import TRIGGER, changed, options, passing
from tests.support.stack import Stack

RECORDINGS = Path(__file__).with_name("recordings")


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("", []),
        ("version_p99 < 200", ["version_p99 < 200 ms"]),
        ("version_p99<0.2s", ["version_p99 < 200 ms"]),
        (" held  >= 5000 ", ["held >= 5000 notifications"]),
        ("held >= 5000 notifications", ["held >= 5000 notifications"]),
        ("rss_growth < 5%, rss <= 1.5 GB", ["rss_growth < 5 %", "rss <= 1500 MB"]),
        ("rss_each < 0.1MB", ["rss_each < 100 kB"]),
        ("version_nok == 0", ["version_nok == 0 rows"]),
        ("rss_growth > -1", ["rss_growth > -1 %"]),
    ],
)
def test_expressions(text: str, limits: list[str]) -> None:
    assert [str(limit) for limit in parse(text)] == limits


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("verson_p99 < 200", "verson_p99 is not a figure; did you mean version_p99?"),
        ("Held > 1", "Held is not a figure; did you mean held?"),
        ("p99 < 1", "p99 is not a figure; did you mean "),
        ("version_p99 < 200sec", "version_p99 is in ms, not sec; did you mean s?"),
        ("rss < 5%", "rss is in MB, not %; did you mean "),
        ("rss < 5 mb", "rss is in MB, not mb; did you mean MB?"),
        ("held => 1", "takes a figure, <, <=, >, >= or ==, and a number, not 'held => 1'"),
        ("held >= many", "takes a figure"),
        ("held", "takes a figure"),
        ("held >= 1,", "takes a figure, <, <=, >, >= or ==, and a number, not ''"),
        ("held >= 1e9999", "takes a figure"),
        ("held >= nan", "takes a figure"),
        ("held >= \u0665", "takes a figure"),
    ],
)
def test_wrong_expressions(text: str, sentence: str) -> None:
    with pytest.raises(ArgumentTypeError, match=f"^{re.escape(sentence)}"):
        parse(text)


def blind(row: Row) -> Row:
    return replace(row, connections=None, listener=None)


def slow(row: Row) -> Row:
    return replace(row, version=VersionSample(row.second, row.at, 300.0)) if row.second == 1010 else row


def slow_at_rest(row: Row) -> Row:
    return replace(row, version=VersionSample(row.second, row.at, 300.0)) if row.second < TRIGGER else row


def refused(row: Row) -> Row:
    return replace(row, version=VersionSample(row.second, row.at, 300.0, "refused")) if row.second == 1010 else row


@pytest.mark.parametrize(
    ("limit", "change", "outcome", "line"),
    [
        ("version_p99 < 200", None, "PASS", "limit: version_p99 < 200 ms: 5 ms"),
        ("version_p99 < 200", slow, "FAIL", "limit: version_p99 < 200 ms: 300 ms"),
        ("version_p50 < 200", slow, "PASS", "limit: version_p50 < 200 ms: 5 ms"),
        ("version_max < 200", slow_at_rest, "PASS", "limit: version_max < 200 ms: 5 ms"),
        ("version_max < 200", refused, "FAIL", "limit: version_max < 200 ms: 5 ms"),  # of right answers; NOK fails
        ("version_nok == 0", refused, "FAIL", "limit: version_nok == 0 rows: 1 rows"),
        ("held >= 100", None, "PASS", "limit: held >= 100 notifications: 100 notifications"),
        ("held > 100", None, "FAIL", "limit: held > 100 notifications: 100 notifications"),
        ("held >= 100", blind, "INCONCLUSIVE", "limit: held >= 100 notifications: not measured"),
        ("update_p99 < 4", None, "FAIL", "limit: update_p99 < 4 ms: 4 ms"),
        ("query_p99 < 4", None, "PASS", "limit: query_p99 < 4 ms: 3 ms"),
        ("healthy_p99 < 500", None, "PASS", "limit: healthy_p99 < 500 ms: 14 ms"),
        ("healthy_p50 < 8", None, "FAIL", "limit: healthy_p50 < 8 ms: 8 ms"),
        ("idle_answered == 10", None, "PASS", "limit: idle_answered == 10 clients: 10 clients"),
    ],
)
def test_lines_of_the_verdict(limit: str, change: Callable[[Row], Row] | None, outcome: str, line: str) -> None:
    hold = with_limit(changed(passing(), change) if change else passing(), limit)
    verdict = judge_hold(hold)
    assert verdict.outcome == outcome, verdict.reasons
    assert line in verdict.reasons
    if change not in (refused, blind):
        assert verdict.causes == (), "a broken limit is a reason of its own"


def with_limit(hold: Hold, limit: str) -> Hold:
    return replace(hold, options=options(limit=limit))


def test_a_run_that_was_cut_short_may_not_have_seen_the_most() -> None:
    hold = with_limit(passing(), "held >= 200, version_max < 1")
    cut = replace(hold, progress=replace(hold.progress, missing=("a worker was lost",)))
    found = {str(criterion): criterion.outcome for criterion in judge_hold(cut).criteria}
    assert found["limit: held >= 200 notifications: 100 notifications"] == "INCONCLUSIVE"
    assert found["limit: version_max < 1 ms: 5 ms"] == "FAIL"


def test_figures_of_a_real_run() -> None:
    figures = replay(str(RECORDINGS / "healthy.jsonl"))[0].figures
    assert list(figures) == [measure.name for measure in MEASURES]
    later = ("update_", "query_", "healthy_", "database_", "cache_")  # what nobody measured then
    assert None not in [value for name, value in figures.items() if not name.startswith(later)]
    assert figures["update_p99"] is None, "there was no ordinary client then"
    assert (figures["held"], figures["held_share"], figures["close_wait"]) == (5000, 100, 5000)
    assert figures["version_p50"] == 5.16
    assert 3 <= (figures["fds_each"] or 0) < 3.01


def test_nothing_measured_is_no_figure() -> None:
    hold = replace(changed(passing(), lambda _: None), progress=replace(passing().progress, idle=None))
    nothing = measured(Evidence.of(hold))
    assert {name for name, value in nothing.items() if value} == {"trigger_latency"}


@pytest.mark.parametrize("given", ["command line", "environment"])
def test_wrong_name_is_exit_code_2(stack: Stack, given: str) -> None:
    wrong = "verson_p99 < 200"
    options, env = (["--limit", wrong], {}) if given == "command line" else ([], {"LOCUST_LIMIT": wrong})
    run = stack.locust_process("--headless", *options, env=env)
    assert run.wait() == 2
    assert (
        "--limit: verson_p99 is not a figure; did you mean version_p99? (list: python -m scenario --figures)"
        in run.output
    )
