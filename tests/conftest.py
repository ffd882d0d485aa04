"""Fixtures shared by all tests: processes that never outlive a test, and a real MongoDB wire server."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import Processes
from tests.support.stack import Stack


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


def start_mongo(processes: Processes) -> str:
    """Start a SecantusDB on a free port; return host:port."""
    server = Path(sys.executable).with_name("secantusd-py")
    database = processes.start(server, "--standalone", "--storage-path", ":memory:", "--port", 0, name="mongo")
    return database.wait_for(r"listening on (127\.0\.0\.1:\d+)", 30)[1]


@pytest.fixture
def stack(processes: Processes, mongo: str, tmp_path: Path) -> Stack:
    """The embedded stack, not yet started."""
    return Stack(processes, mongo, tmp_path)


@pytest.fixture
def heeds_sigint() -> Iterator[None]:
    """A test run that was started in the background ignores SIGINT, and so would the processes it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
