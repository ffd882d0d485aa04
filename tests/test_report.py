"""`--connections-report` and the console of a headless run, on a terminal."""

from __future__ import annotations

import html
import os
import re
import shlex
import signal
import sys
from pathlib import Path

from tests.support.processes import ROOT
from tests.support.stack import Stack, free_port, verdict


def text_of(report: Path) -> str:
    """Return the page's text as a reader without scripts or styles sees it."""
    page = report.read_text(encoding="utf-8")
    assert len(page) < 6e6
    assert not re.findall(r"""<(?:script|link|img)[^>]* (?:src|href)=""", page), "nothing is fetched"
    assert "<script" not in page[: page.find("</ul>")], "text first"
    page = re.sub(r"(?s)<(script|style)\b.*?</\1>", "", page)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page)))


def test_failing_broker_on_a_terminal(stack: Stack) -> None:
    report = stack.folder / "report.html"
    options = stack.start().options("--headless", "--only-summary", "--connections-report", report)
    command = [Path(sys.executable).with_name("locust"), "--locustfile", ROOT / "locustfile.py", *options]
    terminal = stack.processes.start("script", "-qefc", shlex.join(map(str, command)), "/dev/null", name="terminal")
    stack.wait_for_row(terminal, 4)
    stack.broker.stop(signal.SIGKILL)
    assert terminal.wait() == 1, terminal.output

    lines = terminal.output.splitlines()
    red = [line for line in lines if line.startswith("\033[31m") and line.endswith("\033[0m")]
    assert len(red) >= 5
    assert red == [line for line in lines if re.search(r"-------- \d+ -------- NOK ", line)]
    assert not any("\033[" in line for line in lines if re.search(r"-------- \d+ -------- OK ", line))
    rule, judged = lines[-1 - len(verdict_lines(lines)) :][:2]
    assert rule.endswith("=" * 80)
    assert re.fullmatch(r"\033\[1;31m.*Verdict: FAIL\033\[0m", judged)
    assert "\033" not in stack.report_log.read_text()

    text = text_of(report)
    for wanted in (
        f"FAIL http://127.0.0.1:{stack.broker_port}",
        r"version: \d+ of 10 rows NOK \(\d+ x connection refused\), the first at second \d",
        r"established \(connections\) \S+ \d+ \d+",
        r"observe OK .* observe NOK .* connection refused",
        "version, update, query 1000 ms; of each at most 0 rows NOK or slower",
        "duration 8 s",
        f"service {stack.service}",
        r'broker {"orion":{"version":"[\d.]+"',
        r"Locust 2\.47\.\d+ connections stress test \d+\.\d+\.\d+",
    ):
        assert re.search(wanted, text), wanted


def verdict_lines(lines: list[str]) -> list[str]:
    """Return the console's lines from the verdict on."""
    return lines[max(number for number, line in enumerate(lines) if "Verdict: " in line) :]


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
