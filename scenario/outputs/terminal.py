"""A headless run on a terminal: what lasts goes up, and below it one line renews itself each second.

Whatever else is logged, by Locust say, goes above that line. No thread draws it: a row does, or what a phase tells. A
terminal that fails (it is gone, say) is left alone, and nothing comes of that.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import sys
from typing import Any, TextIO

from locust.env import Environment

from gevent.monkey import get_original
from rich import get_console
from rich.console import Console
from rich.live import Live
from rich.text import Text

from scenario.outputs import live
from scenario.outputs.history import History
from scenario.outputs.live import SEPARATOR
from scenario.outputs.log import LOCUSTS_TABLES, step_lines
from scenario.outputs.words import CAUSE, REMEDY, Line, body, title
from scenario.preflight.checks import checks
from scenario.run import events
from scenario.run.found import Found
from scenario.run.records import HoldBegan, Phase, Said
from scenario.run.results import ERROR, OK, WARNING, Row, Step, Verdict
from scenario.verdict.outcomes import FAIL, PASS, PREFLIGHT, PREFLIGHT_OK

RED, GREEN, YELLOW = "bold red", "bold green", "bold yellow"
INDENT = "  "
_COLOURS = {PASS: GREEN, PREFLIGHT_OK: GREEN, FAIL: RED, PREFLIGHT: RED, OK: GREEN, WARNING: YELLOW, ERROR: RED}
_GROWING = ("seed", "cleanup")  # phases that tell how far they are: what they tell last lasts
_select = get_original("select", "select")  # gevent's would let others run


def on_a_terminal(file: TextIO = sys.stderr) -> Console | None:
    """Return the terminal that a file is; None where it is none, or one that can only take lines (TERM=dumb)."""
    console = Console(file=file, highlight=False, markup=False, emoji=False)
    return console if file.isatty() and not console.is_dumb_terminal else None


def show(verdict: Verdict, console: Console) -> None:
    """Print the verdict, as scenario.outputs.words has it, in the terminal's width."""
    colour = _COLOURS.get(verdict.outcome, YELLOW)
    console.print(Text(title(verdict), colour))
    below = list(body(verdict))
    met = [line.text for line in below if not line.label]
    if verdict.exit_code:  # what was met matters less then, and takes less room
        below = [line for line in below if line.label] + [Line("", SEPARATOR.join(met))] * bool(met)
    for line in below:
        style = {CAUSE: colour, REMEDY: GREEN}.get(line.label) or _COLOURS.get(line.label, YELLOW)
        console.print(hanging(Text.assemble((line.label, style), " " if line.label else "", line.text), console.width))


def hanging(text: Text, width: int) -> Text:
    """Return a text in lines of at most `width` columns, indented, and those after the first more."""
    first, *others = text.wrap(get_console(), max(width - len(INDENT) * 2, 1))
    return Text("\n").join([Text(INDENT) + first, *(Text(INDENT * 2) + other for other in others)])


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
            (Phase, self._enter),
            (Said, self._progress),
            (HoldBegan, self._hold),
            (Row, self._row),
            (Step, self._step),
            (Verdict, self._judge),
        ):
            events.on(kind, listener)
        assert environment.parsed_options is not None
        logging.getLogger(LOCUSTS_TABLES).disabled = not environment.parsed_options.print_stats
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

    @staticmethod
    def _redirect(old: object, new: Any) -> None:
        for name in ("", "locust", LOCUSTS_TABLES):
            for handler in logging.getLogger(name).handlers:
                if isinstance(handler, logging.StreamHandler) and handler.stream is old:
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
                    self._console.print(self._waiting.pop(0))
                self._live.refresh()
        except Exception:  # whatever it is, it is none of the run's
            self._end()

    def _preflight(self, found: Found, **_: Any) -> None:
        for check in checks(found):
            told = check.found if check.state == OK else f"{check.found}; needed: {check.needed}; {check.remedy}"
            text = Text.assemble((check.state, _COLOURS[check.state]), f" {check.what}: {told}")
            self._draw(hanging(text, self._console.width))

    def _enter(self, _phase: Phase, **_: Any) -> None:
        said, self._said = self._said, None
        self._draw(*[_sentence(said)] if said else [])

    def _progress(self, said: Said, **_: Any) -> None:
        growing = said.phase in _GROWING
        self._said = said if growing else None
        self._draw(*[] if growing else [_sentence(said)])

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
        self._draw(Text(title, style), *(hanging(Text(cause.strip()), self._console.width) for cause in causes))

    def _judge(self, verdict: Verdict, **_: Any) -> None:
        self._verdict = verdict

    def _quit(self, **_: Any) -> None:
        if self._verdict is not None:
            with contextlib.suppress(Exception):
                show(self._verdict, self._console)


def _sentence(said: Said) -> Text:
    return Text(f"{said.phase}: {said.text}")
