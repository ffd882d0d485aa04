"""`--connections-report`, and a headless run on a terminal, as one that nobody here wrote shows it."""

from __future__ import annotations

import html
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pyte
import pytest

from tests.support.processes import ROOT
from tests.support.stack import Stack, free_port, verdict

COLUMNS, LINES = 80, 24


def text_of(report: Path) -> str:
    """Return the page's text as a reader without scripts or styles sees it."""
    page = report.read_text(encoding="utf-8")
    assert len(page) < 6e6
    assert not re.findall(r"""<(?:script|link|img)[^>]* (?:src|href)=""", page), "nothing is fetched"
    assert "<script" not in page[: page.find("</ul>")], "text first"
    page = re.sub(r"(?s)<(script|style)\b.*?</\1>", "", page)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page)))


def screen_of(output: str) -> tuple[list[str], pyte.HistoryScreen]:
    """Return all lines that an output leaves on a terminal, those that it scrolled away too, and the terminal."""
    screen = pyte.HistoryScreen(COLUMNS, LINES, history=9999)
    pyte.Stream(screen).feed(output)
    above = ["".join(line[column].data for column in range(COLUMNS)) for line in screen.history.top]
    return [line.rstrip() for line in (*above, *screen.display)], screen


def test_failing_broker_on_a_terminal(stack: Stack) -> None:
    report = stack.folder / "report.html"
    options = stack.start().options("--headless", "--loglevel", "DEBUG", "--connections-report", report)
    command = [Path(sys.executable).with_name("locust"), "--locustfile", ROOT / "locustfile.py", *options]
    sized = f"stty rows {LINES} cols {COLUMNS}; exec {shlex.join(map(str, command))}"
    env = {"TERM": "xterm-256color"}
    terminal = stack.processes.start("script", "-qefc", sized, "/dev/null", env=env, name="terminal")
    terminal.wait_for(r"observe [1-6] s left \| .*held \d+ of 60")
    stack.broker.stop(signal.SIGKILL)
    terminal.wait_for(r"version NOK.*first NOK at \d s")
    assert terminal.wait() == 1, terminal.output

    lines, screen = screen_of(terminal.log.read_bytes().decode())
    assert not [line for line in lines if " s left" in line], "the line is gone"
    assert [line for line in lines if re.fullmatch(r"first NOK at \d s: (version|update|query): .*", line)]
    assert not [line for line in lines if re.search(r"\S.*(\[20\d\d-|first NOK|Verdict)", line)], "nothing tears it"
    assert any("/DEBUG/locust" in line for line in lines)
    shown = [line.rstrip() for line in screen.display]
    judged = shown.index("Verdict: FAIL")
    assert shown[judged + 1].startswith("cause: the broker died during the run")
    assert {screen.buffer[judged][column].fg for column in range(12)} == {"red"}
    assert "\033" not in stack.report_log.read_text()
    words = " ".join(" ".join(shown[judged:]).replace(" | ", " ").split())
    replayed = " ".join(verdict_of(f"{stack.prefix}_run.jsonl").split())
    assert replayed.startswith(words.removesuffix(" ...")), "as much of it as there is room for"
    assert len(words) > len(replayed) / 2

    text = text_of(report)
    for wanted in (
        f"FAIL http://127.0.0.1:{stack.broker_port}",
        r"version: \d+ of 10 rows NOK \(.*\d+ x connection refused.*\), the first at second \d",  # one may be reset
        r"established \(connections\) \S+ \d+ \d+",
        r"observe OK .* observe NOK .* connection refused",
        "version, update, query within 1000 ms; at most 0 rows NOK or slower",
        "duration 8 s",
        f"service {stack.service}",
        r"broker Orion [\d.]+ libcurl libcurl/[\d.]+ libmicrohttpd [\d.]+ mongoc [\d.]+ Locust",
        r"Locust 2\.47\.\d+ connections stress test \d+\.\d+\.\d+",
    ):
        assert re.search(wanted, text), wanted


def verdict_of(recording: str) -> str:
    """Return the verdict as the replay prints it."""
    command = [sys.executable, "-m", "scenario.replay", recording]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout


@pytest.mark.slow
def test_interrupted_run_has_a_report(stack: Stack) -> None:
    report = stack.folder / "report.html"
    run = stack.start().locust("--connections-report", report)
    stack.wait_for_row(run, 3)
    os.kill(run.pid, signal.SIGINT)
    assert run.wait() == 4
    assert "\033" not in run.output, "no colours: this is no terminal"
    text = text_of(report)
    assert "INCONCLUSIVE http://" in text
    for reason in re.findall(r"(?m)\| (?:INFO|ERROR) \|   (.*)$", verdict(run)[1]):
        assert reason in text


def test_refused_run_leaves_no_older_report(stack: Stack) -> None:
    report = stack.folder / "report.html"
    report.write_text("PASS")
    stack.broker_port = stack.inspector_port = stack.listener_port = str(free_port())
    run = stack.locust("--connections-report", report)
    assert run.wait() == 3
    text = text_of(report)
    assert "PREFLIGHT FAILED" in text
    assert "did not answer GET /version: connection refused" in text
