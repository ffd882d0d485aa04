"""When Kubernetes would have restarted the broker: its liveness probe, with its defaults, over the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from scenario.peers.failures import Kind
from scenario.run.samples import VersionSample
from scenario.verdict.criteria import judge_hold
from scenario.verdict.liveness import liveness, restart_by_liveness
from tests.support.holds import passing, row

Spoilt = Callable[[int], tuple[float, Kind | None] | None]
SILENT = (2000.0, Kind.NO_ANSWER)


def of(seconds: int, spoilt: Spoilt, missing: range = range(0)) -> tuple[int, tuple[int, ...]]:
    """Return what comes of so many seconds, in some of which GET /version had this latency and error."""
    rows = [replace(row(1003 + second), version=_sample(second, spoilt)) for second in range(-3, seconds)]
    seen = liveness([each for each in rows if each.since_trigger not in missing])
    return seen.failed, seen.restarts


def _sample(second: int, spoilt: Spoilt) -> VersionSample:
    latency, failure = spoilt(second) or (5.0, None)
    return VersionSample(second, second, latency, failure.value if failure else "", failure=failure)


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
        (40, lambda _: (1000.0, None), range(0), (0, ())),
        (21, lambda _: (1000.1, None), range(0), (3, (17, 18, 19, 20))),
        (21, lambda _: (0.2, Kind.REFUSED), range(0), (3, (17, 18, 19, 20))),
        (40, lambda _: (0.2, Kind.STATUS), range(0), (3, tuple(range(17, 27)))),
        (40, lambda _: (0.2, Kind.DENIED), range(0), (0, ())),
        (40, lambda _: (0.2, Kind.REDIRECT), range(0), (0, ())),
        (40, lambda _: (0.2, Kind.CONTENT), range(0), (0, ())),
    ],
)
def test_over_the_rows(seconds: int, spoilt: Spoilt, missing: range, expected: tuple[int, tuple[int, ...]]) -> None:
    assert of(seconds, spoilt, missing) == expected


def test_the_sentence() -> None:
    run = passing()
    assert restart_by_liveness(run.rows) == ""
    assert "liveness" not in " ".join(judge_hold(run).reasons)
    silence = VersionSample(0, 0, 2000.0, "silent", failure=Kind.NO_ANSWER)
    silent = [replace(row, version=silence) for row in run.rows]
    verdict = judge_hold(replace(run, rows=silent))
    remark = "would have restarted the broker at second 17 at the earliest, in 1 of 10 cases of when its probes fall"
    assert any(remark in text for text in verdict.reasons)
    assert verdict.figures["liveness_failed"] == 3
    always = [replace(silent[0], since_trigger=second) for second in range(30)]
    assert "whenever its probes fall" in restart_by_liveness(always)
