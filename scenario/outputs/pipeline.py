"""Results for pipelines: `--json`, `--junit`, and the job summary of GitHub Actions."""

from __future__ import annotations

import html
import logging
import os
from pathlib import Path
from typing import Any

from locust.env import Environment

from scenario.outputs.files import write
from scenario.outputs.history import History
from scenario.outputs.json_result import Result, encoded, result
from scenario.outputs.junit import junit
from scenario.run import events
from scenario.run.results import Verdict

_log = logging.getLogger(__name__)


def write_results(history: History, json_file: str, junit_file: str) -> None:
    """Write the files; "" means no file. Raises OutputError."""
    if json_file:
        write(json_file, encoded(history))
    if junit_file:
        write(junit_file, junit(result(history)))


def summary(result: Result) -> str:
    """Return the verdict as Markdown: first the outcome, its causes and their remedies."""
    host = str((result.options or {}).get("host", ""))
    lines = [f"## {result.verdict}: connections stress test", "", _safe(f"{host} {result.versions.broker}".strip()), ""]
    for cause in result.causes:
        lines += [f"**{_safe(cause.sentence)}** ({_safe(cause.evidence)})", "", f"Remedy: {_safe(cause.remedy)}", ""]
    lines += ["| | |", "| --- | --- |", *(f"| {each.verdict} | {_safe(each.text)} |" for each in result.reasons), ""]
    return "\n".join(lines)


def _safe(text: str) -> str:
    """Return a text escaped for Markdown, also inside a table."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]|~#@" else letter for letter in html.escape(text, quote=False))


class PipelineFiles:
    """Writes the files when the run is judged or refused, and the summary when the process ends."""

    def __init__(self, environment: Environment, history: History) -> None:
        self.environment, self.history = environment, history
        events.on(Verdict, self._write)
        environment.events.quit.add_listener(self._summarize)

    def _write(self, _verdict: Verdict, **_: Any) -> None:
        parsed = self.environment.parsed_options
        assert parsed is not None
        write_results(self.history, parsed.result, parsed.junit)

    def _summarize(self, **_: Any) -> None:
        path = os.environ.get("GITHUB_STEP_SUMMARY")
        if path and self.history.verdict:
            try:
                with Path(path).open("a", encoding="utf-8") as file:  # other steps write there too
                    file.write(summary(result(self.history)))
            except OSError as error:
                _log.warning(f"GITHUB_STEP_SUMMARY: {path} could not be written: {error.strerror}")
