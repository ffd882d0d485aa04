"""Joins the parts in each process, once: link, recorder, outputs, signals."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from locust import log
from locust.env import Environment
from locust.runners import STATE_INIT, WorkerRunner
from locust.stats import StatsCSVFileWriter
from locust.web import WebUI

import gevent

from scenario.flow.cleanup import Cleanup
from scenario.flow.mark import Mark
from scenario.flow.shape import Shape
from scenario.outputs.csv import ConnectionsCsv
from scenario.outputs.evidence import EvidenceFile
from scenario.outputs.history import History
from scenario.outputs.log import ReportLog, RunLog, harmless
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
from scenario.verdict.outcomes import EXIT_CODES, INCONCLUSIVE
from scenario.web.form import check_start_form
from scenario.web.guard import protect
from scenario.web.metrics import close_metrics, serve_metrics
from scenario.web.tab import add_tab

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAME_SIGNAL = 0.5  # s in which Ctrl-C and what a script sends on are one


def connect(environment: Environment, web_ui: WebUI | None = None, **_: Any) -> None:
    """Wire this process (listener of Locust's `init`)."""
    for name in ("", "locust", "locust.stats_logger"):
        for handler in logging.getLogger(name).handlers:
            handler.addFilter(harmless)
    parsed = environment.parsed_options
    assert parsed is not None
    link = RunUser.link = Link(environment)
    _end_on_signals(environment)
    if isinstance(environment.runner, WorkerRunner):
        close_metrics()
        if parsed.headless and parsed.processes:
            beside_the_line(parsed.loglevel)
        return
    if parsed.csv_prefix:
        RunFile(environment, parsed.csv_prefix)  # before the recorder: it writes a record before what comes of it
        ConnectionsCsv(environment, parsed.csv_prefix)
        EvidenceFile(parsed.csv_prefix)
    Shape.link, Shape.recorder, Shape.secrets = link, Recorder(), taken_from(parsed)
    Shape.cleanup, Shape.mark = Cleanup(link, Shape.recorder), Mark()
    history = History()
    terminal = on_a_terminal() if parsed.headless else None
    if terminal is not None:
        Terminal(environment, history, terminal)
    else:
        RunLog(environment, console=parsed.headless)
    _join(environment, link, Shape.recorder, Shape.cleanup)
    _end_without_1(environment, link)
    _let_csv_end(link)
    FirstNok(link)
    DatabasePing(link)
    log = ReportLog(environment)
    ReportFile(environment, history)
    PipelineFiles(environment, history)
    serve_metrics(history, parsed)
    if web_ui is not None:
        protect(web_ui, parsed)
        check_start_form(environment, web_ui, history, Shape.secrets)
        add_tab(environment, web_ui, history, log)


def _join(environment: Environment, link: Link, recorder: Recorder, cleanup: Cleanup) -> None:
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
        if log.unhandled_greenlet_exception:
            link.publish(Trouble("Locust: something of its own failed, a file of --csv perhaps; its log tells"))

    events.on(RunBegan, begin)
    events.on(Verdict, conclude)
    assert environment.parsed_options is not None
    if not environment.parsed_options.headless:  # else a master's workers still run at this event
        environment.events.test_stop.add_listener(interrupt)
    environment.events.quitting.add_listener(interrupt)
    environment.events.quitting.add_listener(look_at_locust)


def _end_without_1(environment: Environment, link: Link) -> None:
    """Let no error at Locust's own end become exit code 1, which says that the broker failed."""
    told: list[int] = []

    def end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not isinstance(error, OSError):
            sys.__excepthook__(kind, error, trace)
        text = f"Locust: it could not write what it was asked for: {error}"
        if told:
            print(text, file=sys.stderr)
        else:
            link.publish(Trouble(text))
            environment.events.quit.fire(exit_code=environment.process_exit_code)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(environment.process_exit_code or EXIT_CODES[INCONCLUSIVE])

    environment.events.quit.add_listener(lambda exit_code, **_: told.append(exit_code))
    sys.excepthook = end


def _let_csv_end(link: Link) -> None:
    """Let Locust's files of --csv end in a sentence where the disk is full, and in silence where they are closed.

    At Ctrl-C their writer wakes up once more after that.
    """
    write, close = StatsCSVFileWriter.stats_writer, StatsCSVFileWriter.close_files

    def write_until_closed(self: StatsCSVFileWriter) -> None:
        try:
            write(self)
        except ValueError:
            if not self.requests_csv_filehandle.closed:
                raise
        except OSError as error:
            link.publish(Trouble(f"files: Locust's of --csv could not be written: {error.strerror}"))

    def close_all(self: StatsCSVFileWriter) -> None:
        with contextlib.suppress(OSError):  # what could not be written above
            close(self)

    StatsCSVFileWriter.stats_writer = write_until_closed  # type: ignore[method-assign]
    StatsCSVFileWriter.close_files = close_all  # type: ignore[method-assign]


def _end_on_signals(environment: Environment) -> None:
    """Let Ctrl-C, SIGTERM and a terminal that closes (SIGHUP) end the run, each once; a second one ends its cleanup.

    A headless run is ended from the main greenlet: Ctrl-C by itself would end whichever greenlet is running, and
    SIGTERM Locust takes only once the shape has ended. Otherwise as Locust ends at SIGTERM.
    """
    parsed, runner = environment.parsed_options, environment.runner
    assert parsed is not None
    assert runner is not None
    hub, main, register = gevent.get_hub(), gevent.getcurrent(), gevent.signal_handler
    first: list[float] = []

    def end(number: int, shut_down: Callable[[], object]) -> None:
        if not first:
            first.append(time.monotonic())
            shut_down()
        elif Shape.cleanup is not None and number != signal.SIGHUP and time.monotonic() - first[0] > SAME_SIGNAL:
            Shape.cleanup.give_up()  # not when a shell repeats what the terminal said

    def throw() -> None:
        shape = runner.shape_greenlet
        reason: BaseException = KeyboardInterrupt()
        if shape is None and runner.state == STATE_INIT:
            runner.quit()  # a master that waits for its workers; there Locust does not expect Ctrl-C
            reason = SystemExit(EXIT_CODES[INCONCLUSIVE])
        elif shape is None or shape.ready():
            return  # it is ending already
        hub.loop.run_callback(main.throw, reason)

    def take(shut_down: Callable[[], object]) -> None:
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                register(number, end, number, shut_down)

    def locusts(number: int, shut_down: Callable[[], object], *rest: Any) -> Any:
        return take(shut_down) if number == signal.SIGTERM else register(number, shut_down, *rest)

    if parsed.headless and not isinstance(runner, WorkerRunner):
        take(throw)
        vars(gevent)["signal_handler"] = lambda *_: None
    else:
        vars(gevent)["signal_handler"] = locusts
