"""Draws the verdict of a recorded run again: `python -m scenario.replay run_run.jsonl [--connections-report FILE]`.

The same records lead to the same verdict and exit code. A version with other rules judges the run by these.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from scenario.errors import OptionError, OutputError, StressTestError, UnusableError
from scenario.outputs.files import write
from scenario.outputs.history import History
from scenario.outputs.pipeline import write_results
from scenario.outputs.report import render
from scenario.outputs.run_file import FORMAT
from scenario.outputs.streams import keep_streams
from scenario.outputs.terminal import on_a_terminal, show
from scenario.outputs.words import lines
from scenario.recording.fitting import misfit
from scenario.recording.format1 import FORMER_KINDS, NamedPhase, with_kinds
from scenario.recording.recorder import Recorder
from scenario.run import events
from scenario.run.found import Found
from scenario.run.records import KINDS, Interrupted, RunEnded, Unforeseen
from scenario.run.results import Step, Verdict
from scenario.settings.options import grouped

_DRAWN_AGAIN = (Step, Verdict)


class _Line(msgspec.Struct, frozen=True):
    at: float
    kind: str
    format: int = 0  # written once, with Found


def read(path: str) -> Iterator[tuple[Any, float]]:
    """Yield the records of a file, each with the moment at which it arrived (s since the epoch). Raises UnusableError.

    Steps and the verdict are left out: they are drawn again.

    The last line of a run that was killed may be incomplete, and is left out.
    """
    try:
        texts = Path(path).read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise UnusableError(f"{path}: {error.strerror}") from None
    if not texts:
        raise UnusableError(f"{path}: is empty")
    written = FORMAT
    for number, text in enumerate(texts, 1):
        if not text.endswith(b"\n"):
            return
        try:
            line = msgspec.json.decode(text, type=_Line)
            written = line.format or written
            if written not in (1, FORMAT):
                raise UnusableError(f"{path}: has format {written}, and this version reads formats 1 and {FORMAT}")
            kind = KINDS.get(line.kind) or FORMER_KINDS[line.kind]
            if kind in _DRAWN_AGAIN:
                continue
            fields = msgspec.json.decode(text)
            if kind is Found:
                fields["options"] = grouped(fields["options"])
            record: Any = msgspec.convert(fields, kind)
            if isinstance(record, NamedPhase):
                record = record.today()
            if problem := misfit(record, line.at):
                raise UnusableError(f"{path}: line {number} is not from a recorded run: {problem}")
            if record is not None:
                yield with_kinds(record) if written == 1 else record, line.at
        except (msgspec.MsgspecError, OptionError, RecursionError, KeyError, ValueError, OverflowError) as error:
            raise UnusableError(f"{path}: line {number} is not from a recorded run: {error}") from None


def replay(path: str) -> tuple[Verdict, History]:
    """Take a file through recorder and verdict; a run that was cut off counts as interrupted. Raises UnusableError."""
    events.forget()
    recorder, history = Recorder(), History()
    failures: list[Unforeseen] = []
    events.on(Unforeseen, lambda record, **_: failures.append(record))

    def fire(record: Any, at: float) -> None:
        failures.clear()
        events.fire(record, at)
        if [failure for failure in failures if failure != record]:
            raise UnusableError(f"{path}: a record of kind {type(record).__name__} does not fit what is before it")

    at = 0.0
    for record, at in read(path):
        fire(record, at)
    if recorder.under_way:
        fire(Interrupted(), at)
        fire(RunEnded(), at)
    if recorder.verdict is None:
        raise UnusableError(f"{path}: no run begins in it")
    return recorder.verdict, history


@contextmanager
def usable(path: str) -> Iterator[None]:
    """Turn whatever fails because of a file's content into one sentence about the file. Raises UnusableError."""
    logging.disable(logging.CRITICAL)  # tracebacks of what does not fit
    try:
        yield
    except StressTestError:
        raise
    except Exception as error:
        raise UnusableError(f"{path}: cannot be used: {error!r}") from None
    finally:
        logging.disable(logging.NOTSET)


def main() -> int:
    """Print the verdict; return its exit code, 2 for a file that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m scenario.replay", description=__doc__.partition(":")[0])
    parser.add_argument("file", help="<--csv prefix>_run.jsonl")
    parser.add_argument("--connections-report", metavar="FILE", help="write the run as one HTML page to this file")
    parser.add_argument("--json", metavar="FILE", default="", help="write the result of the run as JSON to this file")
    parser.add_argument("--junit", metavar="FILE", default="", help="write the verdict as JUnit XML to this file")
    keep_streams(plain=True)
    options = parser.parse_args()
    try:
        with usable(options.file):
            verdict, history = replay(options.file)
            write_results(history, options.json, options.junit)
            if options.connections_report:
                write(options.connections_report, render(history))
            text = "\n".join(lines(verdict))
    except (UnusableError, OutputError) as error:
        print(error, file=sys.stderr)
        return 2
    if sys.__stdout__ and (terminal := on_a_terminal(sys.__stdout__)) is not None:
        with suppress(OSError):  # it may be gone
            show(verdict, terminal)
    else:
        print(text)
    return verdict.exit_code


if __name__ == "__main__":
    sys.exit(main())
