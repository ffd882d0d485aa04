"""Joins the parts in each process, once: link, recorder, outputs."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from locust import log as locusts_log
from locust.env import Environment
from locust.runners import WorkerRunner
from locust.web import WebUI

from scenario.flow.cleanup import Cleanup
from scenario.flow.mark import Mark
from scenario.flow.shape import Shape
from scenario.mended_locust import end_on_signals, end_without_1, gate_errors, let_csv_end
from scenario.outputs.csv import ConnectionsCsv
from scenario.outputs.files import EvidenceFile
from scenario.outputs.history import History
from scenario.outputs.log import ReportLog, RunLog
from scenario.outputs.pipeline import PipelineFiles
from scenario.outputs.report import ReportFile
from scenario.outputs.run_file import RunFile
from scenario.outputs.terminal import Terminal, beside_the_line, on_a_terminal
from scenario.recording.database_ping import DatabasePing
from scenario.recording.first_nok import FirstNok
from scenario.recording.recorder import Recorder
from scenario.run import events
from scenario.run.link import Link
from scenario.run.phase import Phase
from scenario.run.records import Interrupted, RunBegan, RunEnded, Trouble
from scenario.run.results import Verdict
from scenario.settings.secrets import taken_from
from scenario.users.run_user import RunUser
from scenario.web.form import check_start_form
from scenario.web.guard import protect
from scenario.web.metrics_port import close_metrics, serve_metrics
from scenario.web.tab import add_tab


def connect(environment: Environment, web_ui: WebUI | None = None, **_: Any) -> None:
    """Wire this process (listener of Locust's `init`)."""
    gate_errors(environment)
    parsed = environment.parsed_options
    assert parsed is not None
    link = RunUser.link = Link(environment)
    end_on_signals(environment)
    if isinstance(environment.runner, WorkerRunner):
        close_metrics()
        if parsed.headless and parsed.processes:
            beside_the_line(parsed.loglevel)
        return
    # In the order in which they hear a record: the file has it before what comes of it, the history before the pages
    link.heard_by = [
        *_files(environment, parsed),
        recorder := Recorder(),
        cleanup := Cleanup(link, recorder),
        mark := Mark(),
        history := History(),
        _watched(environment, parsed, history),
        FirstNok(link),
        DatabasePing(link),
        log := ReportLog(environment),
        ReportFile(environment, history),
        PipelineFiles(environment, history),
    ]
    Shape.link, Shape.recorder, Shape.cleanup, Shape.mark = link, recorder, cleanup, mark
    Shape.secrets = taken_from(parsed)
    _conclude(environment, link, recorder, cleanup)
    end_without_1(environment, link)
    let_csv_end(link)
    serve_metrics(history, parsed)
    if web_ui is not None:
        protect(web_ui, parsed)
        check_start_form(environment, web_ui, history, Shape.secrets)
        add_tab(environment, web_ui, history, log)


def _files(environment: Environment, parsed: Namespace) -> list[object]:
    """Return the files of --csv; none without it."""
    prefix = parsed.csv_prefix
    return [RunFile(environment, prefix), ConnectionsCsv(environment, prefix), EvidenceFile(prefix)] if prefix else []


def _watched(environment: Environment, parsed: Namespace, history: History) -> Terminal | RunLog:
    """Return what shows the run to whoever watches it."""
    terminal = on_a_terminal() if parsed.headless else None
    return Terminal(environment, history, terminal) if terminal else RunLog(environment, console=parsed.headless)


def _conclude(environment: Environment, link: Link, recorder: Recorder, cleanup: Cleanup) -> None:
    """Have Locust's exit code say what the verdict says, and a run that Locust stops be judged."""

    def begin(_began: RunBegan, **_: Any) -> None:
        environment.process_exit_code = None

    def conclude(verdict: Verdict, **_: Any) -> None:
        environment.process_exit_code = verdict.exit_code

    def interrupt(**_: Any) -> None:
        if recorder.under_way:
            if recorder.phase is not Phase.CLEANUP:  # that is no part of the test
                link.publish(Interrupted())
            cleanup.run()
            link.publish(RunEnded())

    def look_at_locust(**_: Any) -> None:
        if locusts_log.unhandled_greenlet_exception:
            link.publish(Trouble("Locust: something of its own failed, a file of --csv perhaps; its log tells"))

    events.on(RunBegan, begin)
    events.on(Verdict, conclude)
    assert environment.parsed_options is not None
    if not environment.parsed_options.headless:  # else a master's workers still run at this event
        environment.events.test_stop.add_listener(interrupt)
    environment.events.quitting.add_listener(interrupt)
    environment.events.quitting.add_listener(look_at_locust)
