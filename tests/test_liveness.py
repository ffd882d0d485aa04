"""When Kubernetes would have restarted the broker: its liveness probe, with its defaults, over the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from scenario.run.samples import VersionSample
from scenario.verdict.criteria import judge_hold
from scenario.verdict.liveness import liveness, restart
from tests.support.holds import healthy, row

Spoilt = Callable[[int], tuple[float, str] | None]
SILENT = (2000.0, "no answer within the time limit")


def of(seconds: int, spoilt: Spoilt, missing: range = range(0)) -> tuple[int, tuple[int, ...]]:
    """Return what comes of so many seconds, in some of which GET /version had this latency and error."""
    rows = [replace(row(1003 + second), version=_sample(second, spoilt)) for second in range(-3, seconds)]
    seen = liveness([each for each in rows if each.since_trigger not in missing])
    return seen.failed, seen.restarts


def _sample(second: int, spoilt: Spoilt) -> VersionSample:
    latency, error = spoilt(second) or (5.0, "")
    return VersionSample(second, second, latency, error)


@pytest.mark.parametrize(
    ("seconds", "spoilt", "missing", "expected"),
    [
        (40, lambda _: None, range(0), (0, ())),
        (
            40,
            lambda second: SILENT if second >= 4 else None,
            range(0),
            (3, tuple(range(24, 34))),
        ),
        (25, lambda second: SILENT if second >= 4 else None, range(0), (3, (24,))),
        (24, lambda second: SILENT if second >= 4 else None, range(0), (2, ())),
        (40, lambda second: SILENT if second >= 4 else None, range(14, 24), (2, ())),
        (60, lambda second: SILENT if second % 10 == 7 and second > 20 else None, range(0), (3, (47,))),
        (60, lambda second: SILENT if second in (7, 17, 37, 47) else None, range(0), (2, ())),
        (40, lambda _: (1000.0, ""), range(0), (0, ())),
        (21, lambda _: (1000.1, ""), range(0), (3, (17, 18, 19, 20))),
        (21, lambda _: (0.2, "connection refused"), range(0), (3, (17, 18, 19, 20))),
        (40, lambda _: (0.2, "HTTP 500 down"), range(0), (3, tuple(range(17, 27)))),
        (40, lambda _: (0.2, "HTTP 401 no token"), range(0), (0, ())),
        (40, lambda _: (0.2, "HTTP 302, a redirect"), range(0), (0, ())),
        (40, lambda _: (0.2, "200 without a JSON object"), range(0), (0, ())),
    ],
)
def test_over_the_rows(seconds: int, spoilt: Spoilt, missing: range, expected: tuple[int, tuple[int, ...]]) -> None:
    assert of(seconds, spoilt, missing) == expected


def test_the_sentence() -> None:
    run = healthy()
    assert restart(run.rows) == ""
    assert "liveness" not in " ".join(judge_hold(run).reasons)
    silent = [replace(each, version=VersionSample(each.second, each.at, *SILENT)) for each in run.rows]
    verdict = judge_hold(replace(run, rows=silent))
    told = "would have restarted the broker at second 17 at the earliest, in 1 of 10 cases of when its probes fall"
    assert any(told in text for text in verdict.reasons)
    assert verdict.figures["liveness_failed"] == 3
    assert "whenever its probes fall" in restart([replace(silent[0], since_trigger=second) for second in range(30)])
