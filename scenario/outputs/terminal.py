"""A headless run on a terminal: what lasts goes up, and below it one line renews itself each second.

Whatever else is logged goes above that line; of Locust's own only warnings, unless --loglevel says otherwise, and its
tables only with --print-stats. No thread draws the line: a row does, or what a phase tells. A terminal that fails, for
it is gone, say, is left alone, and nothing comes of that.
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
BELOW = 3  # lines that whoever started it prints below, and a prompt
_COLOURS = {PASS: GREEN, PREFLIGHT_OK: GREEN, FAIL: RED, PREFLIGHT: RED, OK: GREEN, WARNING: YELLOW, ERROR: RED}
_GROWING = (Phase.SEED, Phase.CLEANUP)  # phases that tell how far they are: what they tell last lasts
_ROUTINE = (Phase.RESET, Phase.SEED, Phase.TRIGGER)  # of which nobody wants to read again after the first step
_select = get_original("select", "select")  # gevent's would let others run


def on_a_terminal(file: TextIO | None = None) -> Console | None:
    """Return the terminal that a file is (stderr); None where it is none, or can only take lines (TERM=dumb)."""
    file = file or sys.stderr
    console = Console(file=file, highlight=False, markup=False, emoji=False)
    return console if file.isatty() and not console.is_dumb_terminal else None


def show(verdict: Verdict, console: Console) -> None:
    """Print the verdict, as scenario.outputs.words has it, in the terminal's width.

    Of one that is red what was met takes as much of the screen as is left: the outcome and its cause stay in sight.
    """
    colour = _COLOURS.get(verdict.outcome, YELLOW)
    below = list(body(verdict))
    red = verdict.outcome in (FAIL, INCONCLUSIVE)
    told = [Text(title(verdict), colour)]
    for line in below:
        style = {CAUSE: colour, EVIDENCE: colour, REMEDY: GREEN}.get(line.label) or _COLOURS.get(line.label, YELLOW)
        if line.label or not red:
            told += hanging(Text.assemble((line.label, style), " " if line.label else "", line.text), console)
    met = [line.text for line in below if red and not line.label]
    told += _cut(hanging(Text(SEPARATOR.join(met)), console), console.height - len(told) - BELOW) if met else []
    for text in told:
        console.print(text)


def _cut(texts: list[Text], room: int) -> list[Text]:
    """Return as many lines as there is room for, but one at least; dots where that is not all."""
    kept = texts[: max(room, 1)]
    if len(kept) < len(texts):
        kept[-1].truncate(len(kept[-1]) - len(DOTS))
        kept[-1].append(DOTS)
    return kept


def hanging(text: Text, console: Console) -> list[Text]:
    """Return a text in lines that the terminal has room for, those after the first indented."""
    wrapped = list(text.wrap(console, max(console.width - len(INDENT), 1)))
    for number, line in enumerate(wrapped):
        line.rstrip()
        if number:
            line.pad_left(len(INDENT))
    return wrapped


def consoles(file: IO[str], loglevel: str) -> Iterator[logging.StreamHandler[Any]]:
    """Yield the handlers that log to a file; of Locust's own they let warnings through, or what was asked for."""
    for name in ("", "locust", LOCUSTS_TABLES):
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is file:
                quiet = loglevel == "INFO" and name != LOCUSTS_TABLES  # Locust's default: lines for each phase
                handler.setLevel(logging.WARNING if quiet else logging.NOTSET)
                yield handler


class _Above(logging.Formatter):
    """Begins with taking away what the line is written on: the line itself."""

    def __init__(self, formatter: logging.Formatter | None) -> None:
        super().__init__()
        self._formatter = formatter or logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        return f"\r\033[2K{self._formatter.format(record)}"


def beside_the_line(loglevel: str) -> None:
    """Let nothing that this process, a worker of --processes, logs tear the line that another one draws."""
    if on_a_terminal() is not None:
        for handler in consoles(sys.stderr, loglevel):
            handler.setFormatter(_Above(handler.formatter))


class Terminal:
    """Shows each run, and its verdict when the process ends."""

    def __init__(self, environment: Environment, history: History, console: Console) -> None:
        self._history, self._console = history, console
        self._waiting: list[Text] = []  # to be printed above the line
        self._first_nok: Row | None = None
        self._said: Said | None = None  # of a phase that tells how far it is
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
            self._console.show_cursor(True)  # after kill -9 it would stay hidden
        self._redirect(self._console.file, sys.stderr)

    def _end(self, **_: Any) -> None:
        """Take the line away, and give the others their way back."""
        self._redirect(sys.stderr, self._console.file)
        with contextlib.suppress(Exception):
            self._live.stop()

    def _redirect(self, old: IO[str], new: Any) -> None:
        for handler in consoles(old, self._loglevel):
            handler.setStream(new)

    def _line(self) -> Text:
        told = live.fitting(live.parts(self._history, self._first_nok), self._console.width - 1)
        return Text.assemble(*told, no_wrap=True, overflow="crop", end="")

    def _draw(self, *above: Text) -> None:
        """Print what is to last, and the line anew, unless the terminal takes nothing just now (Ctrl-S)."""
        self._waiting += above
        try:
            if self._live.is_started and _select([], [self._console.file], [], 0)[1]:
                while self._waiting:
                    self._console.print(*hanging(self._waiting.pop(0), self._console), sep="\n")
                self._live.refresh()
        except Exception:  # whatever it is, it is none of the run's
            self._end()

    def _preflight(self, found: Found, **_: Any) -> None:
        for check in checks(found):
            self._draw(Text.assemble((check.state, _COLOURS[check.state]), f" {check.what}: {check.told}"))

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
