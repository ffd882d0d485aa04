"""A headless run on a terminal: one line at the bottom is updated every second, lasting messages stay above it.

Log messages appear above the line. Of Locust's own messages only warnings are shown, unless --loglevel says otherwise,
and its tables only with --print-stats. No thread draws the line: each row and each message of a phase does. A terminal
that fails, for example because it is gone, is no longer used.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import IO, Any, TextIO

from locust.env import Environment

from gevent.monkey import get_original
from rich.console import Console
from rich.live import Live
from rich.text import Text

from scenario.outputs import live
from scenario.outputs.history import History
from scenario.outputs.live import SEPARATOR
from scenario.outputs.log import LOCUSTS_TABLES, step_lines
from scenario.outputs.words import CAUSE, EVIDENCE, REMEDY, body, lines, title
from scenario.preflight.checks import checks
from scenario.run import events
from scenario.run.found import Found
from scenario.run.phase import Phase
from scenario.run.records import HoldBegan, PhaseBegan, Said
from scenario.run.results import ERROR, OK, WARNING, Row, Step, Verdict
from scenario.verdict.outcomes import FAIL, INCONCLUSIVE, PASS, PREFLIGHT, PREFLIGHT_OK

RED, GREEN, YELLOW = "bold red", "bold green", "bold yellow"
INDENT, DOTS = "  ", " ..."
BELOW = 3  # lines printed below by the calling program, and its prompt
_COLOURS = {PASS: GREEN, PREFLIGHT_OK: GREEN, FAIL: RED, PREFLIGHT: RED, OK: GREEN, WARNING: YELLOW, ERROR: RED}
_GROWING = (Phase.SEED, Phase.CLEANUP)  # phases that report progress: only their last message stays
_ROUTINE = (Phase.RESET, Phase.SEED, Phase.TRIGGER)  # not shown again after the first step
_select = get_original("select", "select")  # gevent's would switch to other greenlets


def on_a_terminal(file: TextIO | None = None) -> Console | None:
    """Return the terminal of a file (default: stderr), or None if it is not a terminal or has TERM=dumb."""
    file = file or sys.stderr
    console = Console(file=file, highlight=False, markup=False, emoji=False)
    return console if file.isatty() and not console.is_dumb_terminal else None


def show(verdict: Verdict, console: Console) -> None:
    """Print the verdict of scenario.outputs.words in the terminal's width.

    If it is red, the met criteria get only the lines that are left, so that the outcome and its cause stay visible.
    """
    colour = _COLOURS.get(verdict.outcome, YELLOW)
    below = list(body(verdict))
    red = verdict.outcome in (FAIL, INCONCLUSIVE)
    shown = [Text(title(verdict), colour)]
    for line in below:
        style = {CAUSE: colour, EVIDENCE: colour, REMEDY: GREEN}.get(line.label) or _COLOURS.get(line.label, YELLOW)
        if line.label or not red:
            shown += hanging(Text.assemble((line.label, style), " " if line.label else "", line.text), console)
    met = [line.text for line in below if red and not line.label]
    shown += _cut(hanging(Text(SEPARATOR.join(met)), console), console.height - len(shown) - BELOW) if met else []
    for text in shown:
        console.print(text)


def _cut(texts: list[Text], room: int) -> list[Text]:
    """Return as many lines as there is room for, at least one, ending in dots if some are cut."""
    kept = texts[: max(room, 1)]
    if len(kept) < len(texts):
        kept[-1].truncate(len(kept[-1]) - len(DOTS))
        kept[-1].append(DOTS)
    return kept


def hanging(text: Text, console: Console) -> list[Text]:
    """Return a text wrapped to the terminal's width, with all lines but the first indented."""
    wrapped = list(text.wrap(console, max(console.width - len(INDENT), 1)))
    for number, line in enumerate(wrapped):
        line.rstrip()
        if number:
            line.pad_left(len(INDENT))
    return wrapped


def consoles(file: IO[str], loglevel: str) -> Iterator[logging.StreamHandler[Any]]:
    """Yield the handlers that log to a file, set to warnings only for Locust, unless --loglevel says otherwise."""
    for name in ("", "locust", LOCUSTS_TABLES):
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is file:
                quiet = loglevel == "INFO" and name != LOCUSTS_TABLES  # Locust's default, with lines for each phase
                handler.setLevel(logging.WARNING if quiet else logging.NOTSET)
                yield handler


class _Above(logging.Formatter):
    """Clears the live line before a message."""

    def __init__(self, formatter: logging.Formatter | None) -> None:
        super().__init__()
        self._formatter = formatter or logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        return f"\r\033[2K{self._formatter.format(record)}"


def beside_the_line(loglevel: str) -> None:
    """Keep messages of this worker of --processes from breaking the line that another process draws."""
    if on_a_terminal() is not None:
        for handler in consoles(sys.stderr, loglevel):
            handler.setFormatter(_Above(handler.formatter))


class Terminal:
    """Shows each run, and the last verdict when the process ends."""

    def __init__(self, environment: Environment, history: History, console: Console) -> None:
        self._history, self._console = history, console
        self._waiting: list[Text] = []  # texts to print above the line
        self._first_nok: Row | None = None
        self._said: Said | None = None  # last progress of a phase
        self._verdict: Verdict | None = None
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, get_renderable=self._line
        )
        for kind, listener in (
            (Found, self._preflight),
            (PhaseBegan, self._enter),
            (Said, self._progress),
            (HoldBegan, self._hold),
            (Row, self._row),
            (Step, self._step),
            (Verdict, self._judge),
        ):
            events.on(kind, listener)
        assert environment.parsed_options is not None
        logging.getLogger(LOCUSTS_TABLES).disabled = not environment.parsed_options.print_stats
        self._loglevel = environment.parsed_options.loglevel
        environment.events.quitting.add_listener(self._end)
        environment.events.quit.add_listener(self._quit)
        atexit.register(self._end)
        self._begin()

    def _begin(self) -> None:
        with contextlib.suppress(Exception):
            self._live.start()
            self._console.show_cursor(True)  # a hidden cursor would stay hidden after kill -9
        self._redirect(self._console.file, sys.stderr)

    def _end(self, **_: Any) -> None:
        """Remove the line, and restore the log handlers."""
        self._redirect(sys.stderr, self._console.file)
        with contextlib.suppress(Exception):
            self._live.stop()

    def _redirect(self, old: IO[str], new: Any) -> None:
        for handler in consoles(old, self._loglevel):
            handler.setStream(new)

    def _line(self) -> Text:
        parts = live.fitting(live.parts(self._history, self._first_nok), self._console.width - 1)
        return Text.assemble(*parts, no_wrap=True, overflow="crop", end="")

    def _draw(self, *above: Text) -> None:
        """Print lasting texts and the line, unless the terminal accepts nothing at the moment (Ctrl-S)."""
        self._waiting += above
        try:
            if self._live.is_started and _select([], [self._console.file], [], 0)[1]:
                while self._waiting:
                    self._console.print(*hanging(self._waiting.pop(0), self._console), sep="\n")
                self._live.refresh()
        except Exception:  # an error of the terminal must not affect the run
            self._end()

    def _preflight(self, found: Found, **_: Any) -> None:
        for check in checks(found):
            self._draw(Text.assemble((check.state, _COLOURS[check.state]), f" {check.what}: {check.finding}"))

    def _enter(self, _began: PhaseBegan, **_: Any) -> None:
        self._tell_last()

    def _tell_last(self) -> None:
        said, self._said = self._said, None
        self._draw(*[_sentence(said)] if said else [])

    def _progress(self, said: Said, **_: Any) -> None:
        routine = said.phase in _ROUTINE and bool(self._history.steps)
        growing = said.phase in _GROWING
        self._said = said if growing and not routine else None
        self._draw(*[] if growing or routine else [_sentence(said)])

    def _hold(self, _hold: HoldBegan, **_: Any) -> None:
        self._first_nok = None

    def _row(self, row: Row, **_: Any) -> None:
        if row.nok and self._first_nok is None:
            self._first_nok = row
            self._draw(Text(f"first NOK at {row.since_trigger} s: {live.nok_of(row)}", RED))
        else:
            self._draw()

    def _step(self, step: Step, **_: Any) -> None:
        title, *causes = step_lines(step)
        style = _COLOURS.get(step.verdict.outcome, YELLOW)
        self._draw(Text(title, style), *(Text(cause.strip()) for cause in causes))

    def _judge(self, verdict: Verdict, **_: Any) -> None:
        self._verdict = verdict
        self._tell_last()

    def _quit(self, **_: Any) -> None:
        if self._verdict is not None:
            try:
                show(self._verdict, self._console)
            except Exception:
                with contextlib.suppress(Exception):
                    print("\n".join(lines(self._verdict)), file=self._console.file)


def _sentence(said: Said) -> Text:
    return Text(f"{said.phase}: {said.text}")
