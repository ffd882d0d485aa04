"""The web UI's start form: our options, what it refuses, and runs that are started, stopped and started again."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from scenario.settings.arguments import IN_FORM
from tests.support.processes import Process
from tests.support.stack import SUBSCRIPTIONS, Stack, free_port

Form = dict[str, str | int]
INTERRUPTED = 4
LIMIT = 40.0  # s for a state of the page, or a run
BAD_VALUES = (
    ("--subscriptions", "abc"),
    ("--subscriptions", "0"),
    ("--service", "../x"),
    ("--service-path", "test"),
    ("--duration", "soon"),
    ("--version-slo", "fast"),
)


class Page:
    """The page of a Locust that was started with the stack's options."""

    def __init__(self, stack: Stack, *options: str | int | Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.run: Process = stack.locust_process(
            "--web-host", "127.0.0.1", "--web-port", port, *stack.options(*options)
        )
        self.run.wait_for("Starting web interface")
        self._wait_until(self._is_up, "the page")

    def template_args(self) -> dict[str, Any]:
        """Return what GET / hands to the page."""
        found = re.search(r"window\.templateArgs\s*=\s*(\{.*\})", requests.get(self.url, timeout=5).text)
        assert found
        arguments: dict[str, Any] = json.loads(found[1])
        return arguments

    def start(self, **form: str | int) -> dict[str, Any]:
        """Send the start form; with a shape it posts users and rate as 0."""
        answer = requests.post(f"{self.url}/swarm", {"user_count": 0, "spawn_rate": 0, **form}, timeout=LIMIT)
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()
        return said

    def stop(self) -> None:
        """Press Stop."""
        assert requests.post(f"{self.url}/stop", timeout=LIMIT).json()["success"]

    def verdicts(self) -> list[str]:
        """Return the verdicts so far, as Locust's log, which the page shows, has them."""
        return re.findall(r"Verdict: ([A-Z ]+)", self.run.output)

    def wait_for_verdict(self, number: int) -> str:
        """Wait for the verdict `number` (from 1), and for the end of its run; return it."""
        self._wait_until(lambda: len(self.verdicts()) >= number, f"verdict {number}")
        self._wait_until(lambda: self.state() in ("ready", "stopped"), "the end of the run")
        return self.verdicts()[number - 1]

    def wait_for_first_step(self) -> None:
        """Wait until a step of a ramp, or a cycle, has been judged."""
        self._wait_until(lambda: self.data()["steps"], "the first step")

    def data(self) -> dict[str, Any]:
        """Return what the tab shows."""
        data: dict[str, Any] = requests.get(f"{self.url}/connections/data", timeout=5).json()
        return data

    def state(self) -> str:
        """Return the runner's state."""
        return str(requests.get(f"{self.url}/stats/requests", timeout=5).json()["state"])

    def _is_up(self) -> bool:
        try:
            return requests.get(self.url, timeout=5).ok
        except requests.ConnectionError:
            return False

    def _wait_until(self, reached: Any, what: str) -> None:
        end = time.monotonic() + LIMIT
        while not reached():
            assert time.monotonic() < end, f"{what} did not come:\n{self.run.output}"
            time.sleep(0.1)


def wait_for_rows(stack: Stack, count: int) -> None:
    end = time.monotonic() + LIMIT
    while len(stack.rows()) < count:
        assert time.monotonic() < end, f"no {count} rows"
        time.sleep(0.1)


def ended(page: Page) -> None:
    """End Locust as `docker stop` does, and check that it ends whole."""
    page.run.stop()
    assert "Traceback" not in page.run.output, page.run.output


def test_form_has_our_options(stack: Stack) -> None:
    config, headers = stack.folder / "run.toml", stack.folder / "headers"
    headers.touch()
    config.write_text(f'[tool.locust]\nhold = 7\nheader-file = "{headers}"\n', encoding="utf-8")
    page = Page(stack.start(), "--config-file", config)
    config.unlink()
    headers.unlink()  # as for a moment when it is renewed
    options = page.template_args()["extra_options"]
    assert options.keys() == IN_FORM
    assert options["hold"]["default_value"] == 7
    assert options["subscriptions"]["default_value"] == SUBSCRIPTIONS
    assert options["duration"]["default_value"] == "8s"
    ended(page)


def test_bad_values_start_nothing(stack: Stack) -> None:
    stack.start().subscribe(3)
    page = Page(stack)
    for option, value in BAD_VALUES:
        said = page.start(**{option.removeprefix("--").replace("-", "_"): value})
        assert said["success"] is False
        assert said["message"].startswith(f"{option}: ")
    assert "phase" not in page.run.output
    assert page.state() == "ready"
    assert stack.count_subscriptions() == 3
    ended(page)


@pytest.mark.slow
def test_started_stopped_and_started_again(stack: Stack) -> None:
    page = Page(stack.start(), "--keep")
    assert page.start(duration="60s")["success"] is True
    wait_for_rows(stack, 3)
    said = page.start(duration="1s", service="another")
    assert said["success"] is False
    assert "a run is under way" in said["message"]
    page.stop()
    assert page.wait_for_verdict(1) == "INCONCLUSIVE"
    assert "interrupted in phase observe" in page.run.output
    first = stack.complete_rows()
    assert len(first) >= 3

    assert page.start(duration="5s")["success"] is True
    assert page.wait_for_verdict(2) == "PASS"
    second = stack.complete_rows()
    assert [int(row["second"]) for row in second] == list(range(-1, 6))
    assert second[0]["time_utc"] > first[-1]["time_utc"]
    assert "INCONCLUSIVE" not in stack.report_log.read_text(encoding="utf-8")
    assert stack.count_subscriptions() == SUBSCRIPTIONS, "the refused start has changed no option"
    ended(page)


def test_preflight_failure_leaves_the_page_usable(stack: Stack) -> None:
    stack.start().subscribe(3)
    page = Page(stack)
    said = page.start(subscriptions=10**6)
    assert said["success"] is False
    assert "broker's open files: " in said["message"]
    assert stack.count_subscriptions() == 3
    assert page.state() in ("ready", "stopped")
    assert page.start(subscriptions=SUBSCRIPTIONS, duration="5s")["success"] is True
    wait_for_rows(stack, 7)
    assert page.wait_for_verdict(1) == "PASS"
    assert len(stack.complete_rows()) == 7
    ended(page)


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)], ids=lambda number: number.name
)
def test_signal_ends_run_and_page(stack: Stack, number: int) -> None:
    page = Page(stack.start())
    assert page.start(duration="60s")["success"] is True
    wait_for_rows(stack, 3)
    os.kill(page.run.pid, number)
    assert len(stack.ended(page.run, INTERRUPTED, 8)) >= 3
    assert page.verdicts() == ["INCONCLUSIVE"]


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_ramp_from_the_form_and_a_plain_run_after_it(stack: Stack) -> None:
    page = Page(stack.start("-httpTimeout", 7200000, delay="30m"), "--hold", 5, "--duration", "8s")
    assert page.start(ramp="10:20:10", subscriptions=20)["success"]
    page.wait_for_first_step()
    data = page.data()
    assert [step[:3] for step in data["steps"]] == [[1, 10, "PASS"]]
    assert data["steps_are"] == "ramp"
    assert page.wait_for_verdict(1) == "PASS"
    assert [step[1] for step in page.data()["steps"]] == [10, 20]
    assert list(page.data()["marks"]) == ["10", "20"]
    assert page.start(ramp="", subscriptions=20)["success"]
    assert page.wait_for_verdict(2) == "PASS"
    assert page.data()["steps"] == []
    assert set(page.data()["marks"]) == {"baseline", "trigger", "observe", "idle clients"}
