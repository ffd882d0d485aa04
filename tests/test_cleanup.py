"""`python -m scenario.cleanup` says how far it came."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from scenario import cleanup
from scenario.errors import BrokerError
from scenario.peers.ngsiv2 import Ngsiv2


@pytest.mark.parametrize(("end", "words"), [(KeyboardInterrupt(), "stopped"), (BrokerError("no answer"), "no answer")])
def test_it_says_how_far_it_came(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], end: BaseException, words: str
) -> None:
    def remove_all(_: Ngsiv2) -> Iterator[int]:
        yield 1
        yield 2
        raise end

    monkeypatch.setattr(sys, "argv", ["cleanup", "--broker", "orion"])
    monkeypatch.setattr(Ngsiv2, "remove_all", remove_all)
    assert cleanup.main() == 1
    assert capsys.readouterr().err == f"2 subscriptions removed, then: {words}\n"
