"""Joins the parts in each process, once: link, recorder, outputs, signals."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from locust.env import Environment
from locust.runners import WorkerRunner
from locust.web import WebUI

from scenario.events import Link
from scenario.outputs.csv import ConnectionsCsv
from scenario.outputs.log import ReportLog
from scenario.outputs.web import check_start_form
from scenario.phases import Phases
from scenario.recorder import Recorder
from scenario.users import RunUser


def connect(environment: Environment, web_ui: WebUI | None = None, **_: Any) -> None:
    """Wire this process (listener of Locust's `init`)."""
    link = RunUser.link = Link(environment)
    if isinstance(environment.runner, WorkerRunner):
        return
    parsed = environment.parsed_options
    assert parsed is not None
    Phases.recorder = Recorder(environment, link)
    ReportLog(environment, console=parsed.headless)
    if parsed.csv_prefix:
        ConnectionsCsv(environment, parsed.csv_prefix)
    if web_ui is not None:
        check_start_form(environment, web_ui)
    if parsed.headless:
        signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """End as on Ctrl-C. Locust handles SIGTERM only once a headless shape has ended; before, it would just die."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
