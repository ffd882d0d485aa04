"""Fixtures shared by all tests: processes that never outlive a test, and a real MongoDB wire server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scenario.settings import secrets
from tests.support.processes import Processes
from tests.support.stack import Stack, start_mongo

_FIXTURES = ("browser", "engine", "inspector", "rehearsal", "web")  # for a few modules each
pytest_plugins = [f"tests.support.{name}" for name in _FIXTURES]

_PROCESSES = {"processes", "mongo", "own_mongo", "engine", "compose", "deployment", "linked"}  # fixtures
_WAITING = {"subprocess", "socket", "gevent"}  # what a module imports that starts processes, or waits for peers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark those that need no process and no peer as fast; begin with the others, so that none of them is the last."""
    for item in items:
        starts = _PROCESSES & {*getattr(item, "fixturenames", ())} or _WAITING & {*vars(getattr(item, "module", item))}
        if not starts and not item.get_closest_marker("slow"):
            item.add_marker("fast")
    items.sort(key=lambda item: item.get_closest_marker("fast") is not None)


@pytest.fixture(autouse=True)
def nothing_is_secret_yet() -> None:
    """Forget the secrets of earlier tests: they would be blotted out of what this one reads."""
    secrets._known.clear()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Start processes with `processes.start(...)`; all are ended after the test."""
    running = Processes(tmp_path)
    yield running
    running.close()


@pytest.fixture(scope="session")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a SecantusDB of this test session."""
    running = Processes(tmp_path_factory.mktemp("mongo"))
    yield start_mongo(running)
    running.close()


@pytest.fixture
def stack(processes: Processes, mongo: str, tmp_path: Path) -> Stack:
    """The embedded stack, not yet started."""
    return Stack(processes, mongo, tmp_path)
