"""Two faults at a time, chosen at random, for real: never a PASS, and never a cause that was not there."""

from __future__ import annotations

import os

import pytest

from tests.benchmarks.mixed_causes import mixtures, table


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(os.getuid() != 0, reason="some of the faults need root")
def test_no_wrong_cause_and_no_false_green() -> None:
    rehearsed = list(mixtures(100, seed=1))
    print("\n".join(table(rehearsed)))
    assert not [(done.faults, done.wrong, done.kept) for done in rehearsed if done.wrong]
