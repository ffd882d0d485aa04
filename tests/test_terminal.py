"""What a headless run shows on a terminal: the line's text by tables, the verdict's screen, terminals that cannot."""

from __future__ import annotations

import io
import os
import pty
import termios
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from locust.env import Environment

import pytest
from rich.console import Console

from scenario.outputs.history import History
from scenario.outputs.live import fitting, nok_of, parts
from scenario.outputs.terminal import Terminal, on_a_terminal, show
from scenario.outputs.words import lines
from scenario.replay import replay
from scenario.run import events
from scenario.run.phase import Phase
from scenario.run.records import HoldBegan, PhaseBegan, RunBegan, Said, Trouble, Unforeseen
from scenario.run.results import Criterion, Diagnosis, Row
from scenario.run.samples import ClientSample, HealthySample, ListenerSample, VersionSample
from scenario.run.schedule import Schedule
from scenario.verdict.outcomes import concluded
from tests.support.holds import END, START, TRIGGER, row
from tests.support.surroundings import found

RECORDINGS = sorted(Path(__file__).with_name("recordings").glob("*.jsonl"))
LONG = {"database-killed-1000", "frozen-1000", "select-1000", "threads-1000"}  # many kinds of NOK, or a cause unknown
OBSERVED = row(TRIGGER + 2)
REFUSED = replace(OBSERVED, version=VersionSample(OBSERVED.second, 1.0, None, "connection refused"))


def history(*rows: Row, phase: str = "observe", said: str = "", **asked: object) -> History:
    """Return what is known of a run after its rows."""
    events.forget()
    made = History()
    fire(RunBegan(), found(asked), HoldBegan(100), Schedule(START, TRIGGER, END))
    fire(*rows, PhaseBegan(Phase(phase)), *[Said(Phase(phase), said)] * bool(said))
    return made


def fire(*records: object) -> None:
    for record in records:
        events.fire(record, START)


def fitted(width: int, *rows: Row, first_nok: Row | None = None, **rest: object) -> str:
    line = fitting(parts(history(*rows, **rest), first_nok), width)  # type: ignore[arg-type]
    return "".join(text for text, _ in line)


@pytest.mark.parametrize(
    ("of_row", "line"),
    [
        ({}, "version OK 5 ms | held 100 of 100 | healthy 14 ms"),
        ({"version": None}, "version NOK | held 100 of 100 | healthy 14 ms"),
        ({"connections": None}, "version OK 5 ms | held 100 of 100 | healthy 14 ms"),
        ({"connections": None, "listener": None}, "version OK 5 ms | held ? of 100 | healthy 14 ms"),
        ({"listener": ListenerSample(5, 5.0, 70)}, "version OK 5 ms | held 100 of 100 | healthy 14 ms"),
        ({"healthy": None}, "version OK 5 ms | held 100 of 100"),
        ({"healthy": HealthySample(5, 5.0, error="no")}, "version OK 5 ms | held 100 of 100 | healthy ?"),
        ({"healthy": HealthySample(5, 5.0, 0)}, "version OK 5 ms | held 100 of 100 | healthy ?"),
    ],
)
def test_line_of_a_row(of_row: dict[str, object], line: str) -> None:
    assert fitted(80, replace(OBSERVED, **of_row)) == f"observe 15 s left | {line}"  # type: ignore[arg-type]


def test_line_of_a_late_row() -> None:
    assert fitted(80, row(END + 1)).startswith("observe 0 s left | ")


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (200, "observe 15 s left | version NOK | held 100 of 100 | first NOK at 2 s | healthy 14 ms"),
        (79, "observe 15 s left | version NOK | held 100 of 100 | first NOK at 2 s"),
        (39, "observe 15 s left | version NOK"),
        (17, "observe 15 s left"),
        (9, "observe 1"),
        (0, ""),
    ],
)
def test_line_in_a_narrow_terminal(width: int, line: str) -> None:
    assert fitted(width, REFUSED, first_nok=REFUSED) == line


@pytest.mark.parametrize(
    ("phase", "said", "line"),
    [
        ("seed", "40 of 100 subscriptions (20/s)", "seed: 40 of 100 subscriptions (20/s)"),
        ("cleanup", "", "cleanup"),
        ("observe", "a held notification costs 3", "observe 15 s left | version OK 5 ms | held 100 of 100"),
    ],
)
def test_line_of_a_phase(phase: str, said: str, line: str) -> None:
    assert fitted(60, OBSERVED, phase=phase, said=said) == line
    assert fitted(60, phase=phase, said=said) == (f"{phase}: {said}" if said else phase), "no row yet"
    assert fitted(60, row(START - 1), phase=phase) == phase, "rows of the step before"


def test_line_of_a_step() -> None:
    assert fitted(60, replace(OBSERVED, step=3), ramp="10:20:10").startswith("step 3 observe 15 s left | ")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"version": REFUSED.version}, "version: connection refused"),
        ({"client": ClientSample(5, 5.0, None, "HTTP 500", None, "closed")}, "update: HTTP 500"),
        ({"client": ClientSample(5, 5.0, 4.0, "", None, "closed")}, "query: closed"),
    ],
)
def test_who_was_first(changed: dict[str, object], sentence: str) -> None:
    assert nok_of(replace(OBSERVED, **changed)) == sentence  # type: ignore[arg-type]


def screen(path: Path, width: int = 80, height: int = 24) -> list[str]:
    """Return the lines that a recording's verdict takes of a terminal."""
    file = io.StringIO()
    console = Console(file=file, width=width, height=height, highlight=False, markup=False, emoji=False)
    show(replay(str(path))[0], console)
    return file.getvalue().splitlines()


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_verdict_is_one_screen_with_the_same_words(path: Path) -> None:
    verdict = replay(str(path))[0]
    shown = screen(path)
    assert shown[0] == f"Verdict: {verdict.outcome}"
    assert not verdict.causes or shown[1].startswith(f"cause: {verdict.causes[0].sentence[:40]}")
    assert len(shown) < 23 or path.stem in LONG
    for width in (80, 40, 8):
        assert all(len(line) <= width for line in screen(path, width)[1:])
    words = " ".join(screen(path, height=99)).replace("|", "").split()
    assert words == " ".join(lines(verdict)).split()


def test_words_of_a_verdict() -> None:
    alike = [Criterion(name, "PASS", "for 9 of 9 seconds") for name in ("rows", "connection counts")]
    verdict = concluded(
        "FAIL",
        [
            Criterion("version", "FAIL", "2 of 9 rows NOK"),
            Criterion("", "INCONCLUSIVE", "interrupted in phase observe"),
            Criterion("queue sizes", "INCONCLUSIVE", "for 9 of 9 seconds"),
            *alike,
            Criterion("held", "PASS", "9 of 9"),
        ],
    )
    assert lines(replace(verdict, causes=(Diagnosis("x", "it broke", "9 of 9", "mend it"),))) == [
        "Verdict: FAIL",
        "  cause: it broke",
        "  evidence: 9 of 9",
        "  remedy: mend it",
        "  FAIL version: 2 of 9 rows NOK",
        "  INCONCLUSIVE interrupted in phase observe",
        "  INCONCLUSIVE queue sizes: for 9 of 9 seconds",
        "  rows, connection counts: for 9 of 9 seconds",
        "  held: 9 of 9",
    ]


def test_refused_run() -> None:
    problems = [Criterion("", "PREFLIGHT FAILED", text) for text in ("broker: gone", "a: b")]
    refused = concluded("PREFLIGHT FAILED", problems)
    assert lines(refused) == ["Verdict: PREFLIGHT FAILED", "  broker: gone", "  a: b"]


@pytest.fixture
def terminal() -> Iterator[tuple[int, TextIO]]:
    """A terminal: what reads it, and the file that is written to."""
    master, slave = pty.openpty()
    file = os.fdopen(slave, "w", encoding="utf-8")
    yield master, file
    with suppress(OSError):
        os.close(master)
    with suppress(OSError):
        file.close()


@pytest.mark.parametrize(
    ("environment", "shows", "colours"),
    [
        ({"TERM": "xterm-256color"}, True, True),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "unknown"}, False, False),
    ],
)
def test_what_a_terminal_can(
    terminal: tuple[int, TextIO],
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    shows: bool,
    colours: bool,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    console = on_a_terminal(terminal[1])
    assert (console is not None) == shows
    if console is not None:
        show(concluded("FAIL", [Criterion("held", "FAIL", "1 of 9")]), console)
        assert ("\033[1;31m" in os.read(terminal[0], 999).decode()) == colours


def test_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert on_a_terminal(io.StringIO()) is None


class Shown:
    """A run on a terminal, 40 columns wide; `wrong` is what went wrong because of that."""

    def __init__(self, file: TextIO) -> None:
        events.forget()
        self.wrong: list[object] = []
        for kind in (Trouble, Unforeseen):
            events.on(kind, lambda record, **_: self.wrong.append(record))
        self.environment = Environment()
        self.environment.parsed_options = Namespace(print_stats=False, loglevel="INFO")
        self.terminal = Terminal(self.environment, History(), Console(file=file, force_terminal=True, width=40))

    def run(self) -> None:
        fire(RunBegan(), found({}), HoldBegan(100), Schedule(START, TRIGGER, END), PhaseBegan(Phase.OBSERVE))
        fire(*(replace(REFUSED, second=second) for second in range(START, END)))

    def end(self) -> None:
        fire(concluded("FAIL", [Criterion("held", "FAIL", "± 1 of 9")]))
        self.environment.events.quitting.fire()
        self.environment.events.quit.fire(exit_code=1)


def test_terminal_that_is_gone_changes_nothing(terminal: tuple[int, TextIO]) -> None:
    os.close(terminal[0])
    with pytest.raises(OSError, match="Input/output error"):
        os.write(terminal[1].fileno(), b"x")
    shown = Shown(terminal[1])
    shown.run()
    shown.end()
    assert shown.wrong == []


def all_of(master: int) -> str:
    """Return what a terminal was given."""
    os.set_blocking(master, False)
    read = b""
    with suppress(BlockingIOError):
        while part := os.read(master, 4096):
            read += part
    return read.decode()


def test_line_goes_and_the_verdict_stays(terminal: tuple[int, TextIO]) -> None:
    shown = Shown(terminal[1])
    shown.run()
    shown.end()
    assert shown.wrong == []
    drawn = all_of(terminal[0])
    assert drawn.count("first NOK at 2 s: version: connection") == 1
    assert drawn.count("\r\033[2Kobserve 9 s left | ") == 1
    assert drawn.rstrip().splitlines()[-1].endswith("held: ± 1 of 9")
    assert drawn.rfind("\033[?25h") > drawn.rfind("\033[?25l"), "the cursor is there"


def test_paused_terminal_stops_nobody(terminal: tuple[int, TextIO]) -> None:
    """Nobody reads it: it takes some kB, and blocks then."""
    shown = Shown(terminal[1])
    os.set_blocking(terminal[1].fileno(), False)
    with suppress(BlockingIOError):
        while True:
            os.write(terminal[1].fileno(), b"x" * 100)
    os.set_blocking(terminal[1].fileno(), True)
    began = time.monotonic()
    shown.run()
    assert time.monotonic() - began < 1
    assert shown.wrong == []
    with suppress(OSError):
        termios.tcflush(terminal[1].fileno(), termios.TCOFLUSH)
