"""Several hosts, deployed as the README says: the same rows and verdict, and no host goes unseen that is gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.deployment import LISTENERS, NAMES, SUBSCRIPTIONS, Deployment
from tests.hosts import Hosts
from tests.processes import Processes
from tests.stack import moment, verdict


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """The README's hosts, nothing started."""
    with Hosts(*NAMES, folder=tmp_path) as hosts:
        processes = Processes(tmp_path)
        try:
            yield Deployment(hosts, processes, tmp_path)
        finally:
            processes.close()


def test_every_part_on_a_host_of_its_own(deployment: Deployment) -> None:
    began = time.time()
    run = deployment.start_parts().start_run()
    rows = deployment.ended(run, 0, within=60)
    assert verdict(run)[0] == "PASS"
    assert [int(row["second"]) for row in rows] == list(range(-1, 11)), "a row for every second"
    assert began < moment(rows[0]) < time.time()
    rest, most = int(rows[0]["established"]), max(int(row["established"]) for row in rows)
    assert most == rest + SUBSCRIPTIONS + 10, "both listeners' connections and the idle clients'"
    for listener in deployment.listeners:
        listener.wait_for(rf"^Received +{SUBSCRIPTIONS // 2} ", 1)
    assert [worker.wait(10) for worker in deployment.workers] == [0, 0]
