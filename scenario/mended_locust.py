"""What Locust 2.47 leaves to be mended: how it ends at a signal, with a full disk, and with an error of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from locust.env import Environment
from locust.exception import CatchResponseError
from locust.runners import STATE_INIT, WorkerRunner
from locust.stats import StatsCSVFileWriter, StatsError

import gevent

from scenario.flow.shape import Shape
from scenario.run.link import Link
from scenario.run.records import Trouble
from scenario.settings.secrets import shown
from scenario.verdict.outcomes import EXIT_CODES, INCONCLUSIVE

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAME_SIGNAL = 0.5  # s in which Ctrl-C and what a script sends on are one


def end_on_signals(environment: Environment) -> None:
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


def end_without_1(environment: Environment, link: Link) -> None:
    """Let no error at Locust's own end become exit code 1, which says that the broker failed."""
    ended_with: list[int] = []  # exit codes that Locust's `quit` has reported

    def end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not isinstance(error, OSError):
            sys.__excepthook__(kind, error, trace)
        text = f"Locust: it could not write what it was asked for: {error}"
        if ended_with:
            print(text, file=sys.stderr)
        else:
            link.publish(Trouble(text))
            environment.events.quit.fire(exit_code=environment.process_exit_code)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(environment.process_exit_code or EXIT_CODES[INCONCLUSIVE])

    environment.events.quit.add_listener(lambda exit_code, **_: ended_with.append(exit_code))
    sys.excepthook = end


def gate_errors(environment: Environment) -> None:
    """Let no secret be in the errors that Locust counts, for its CSV, its pages and its master."""
    stats: Any = environment.stats
    runner: Any = environment.runner
    count_error, count_exception = stats.log_error, runner.log_exception

    def log_error(method: str, name: str, error: Exception | str | None) -> None:
        text = str(error) if isinstance(error, CatchResponseError) else StatsError.parse_error(error)
        count_error(method, name, shown(text))

    def log_exception(node: str, text: str, trace: str) -> None:
        count_exception(node, shown(text), shown(trace, lines=True))

    stats.log_error, runner.log_exception = log_error, log_exception


def let_csv_end(link: Link) -> None:
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
