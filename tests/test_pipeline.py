"""`--json`, `--junit` and the summary of a GitHub job, each read back by a reader that nobody here wrote."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from locust.argument_parser import LocustArgumentParser

import pytest
import yaml
from junitparser import Error, Failure, JUnitXml, TestCase

from scenario.outputs.json_result import Cause, Reason, result, schema
from scenario.outputs.junit import junit
from scenario.outputs.pipeline import summary, write_results
from scenario.peers.answers import Answer
from scenario.peers.ngsiv2 import Ngsiv2
from scenario.replay import replay
from scenario.settings.arguments import add_arguments
from tests.support.processes import ROOT
from tests.support.stack import Stack, free_port

SCHEMA = ROOT / "docs" / "result.schema.json"
RECORDINGS = sorted(Path(__file__).with_name("recordings").glob("*.jsonl"))
EVIL = "<b>]]>&\x00\x1b[31m\ufffe | `x` @all"


def valid(*files: Path) -> None:
    """Have a validator look at the files."""
    command = [Path(sys.executable).with_name("check-jsonschema"), "--schemafile", SCHEMA, *files]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def cases(path: Path) -> dict[str, TestCase]:
    """Return the test cases by name, as a JUnit reader has them."""
    read = JUnitXml.fromfile(str(path))
    found = {case.name: case for suite in read for case in suite}
    assert sum(suite.tests for suite in read) == len(found)
    assert sum(suite.failures for suite in read) == sum(isinstance(bad(case), Failure) for case in found.values())
    assert sum(suite.errors for suite in read) == sum(isinstance(bad(case), Error) for case in found.values())
    return found


def bad(case: TestCase) -> Failure | Error | None:
    return next((each for each in case.result if isinstance(each, Failure | Error)), None)


def test_schema_is_that_of_the_code() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema() + "\n"


def test_every_recording_by_the_replay(tmp_path: Path) -> None:
    for recording in RECORDINGS:
        history = replay(str(recording))[1]
        write_results(history, *(str(tmp_path / f"{recording.stem}{end}") for end in (".json", ".xml")))
    files = sorted(tmp_path.glob("*.json"))
    assert [file.stem for file in files] == [file.stem for file in RECORDINGS]
    valid(*files)
    for file in files:
        document = json.loads(file.read_text(encoding="utf-8"))
        red = [case for case in cases(file.with_suffix(".xml")).values() if bad(case)]
        assert bool(red) == (document["verdict"] != "PASS"), file.stem


def test_result_and_cause_of_a_real_run() -> None:
    verdict, history = replay(str(next(file for file in RECORDINGS if file.stem == "nofile")))
    document = result(history)
    assert (document.verdict, document.exit_code, document.versions.broker) == ("FAIL", 1, "Orion 4.7.0")
    assert [(cause.name, cause.remedy) for cause in document.causes] == [("nofile", "start it after ulimit -n 15510")]
    assert document.figures == verdict.figures
    assert [reason.text for reason in document.reasons] == list(verdict.reasons)


def test_a_broken_limit(stack: Stack) -> None:
    files = {name: stack.folder / name for name in ("result.json", "junit.xml", "summary.md")}
    files["summary.md"].write_text("what an earlier step wrote\n")
    stack.start()
    run = stack.locust_process(
        *("--headless", "--only-summary", *stack.options("--limit", "held >= 60, version_p99 < 0.001")),
        *("--json", files["result.json"], "--junit", files["junit.xml"]),
        env={"GITHUB_STEP_SUMMARY": str(files["summary.md"])},
    )
    stack.ended(run, 1)
    assert "  limit: held >= 60 notifications: 60 notifications\n" in run.output
    replayed = replay(f"{stack.prefix}_run.jsonl")[0]
    assert replayed.outcome == "FAIL"
    assert replayed.reasons[0].startswith("limit: version_p99 < 0.001 ms: ")
    valid(files["result.json"])
    document = json.loads(files["result.json"].read_text(encoding="utf-8"))
    assert (document["verdict"], document["exit_code"]) == ("FAIL", 1)
    assert [(limit["figure"], limit["bound"], limit["verdict"]) for limit in document["limits"]] == [
        ("held", 60, "PASS"),
        ("version_p99", 0.001, "FAIL"),
    ]
    assert document["figures"]["held"] == document["limits"][0]["value"] == 60
    assert document["versions"]["broker"].startswith("Orion ")
    assert "libcurl" in document["versions"]["libraries"]
    assert document["options"]["subscriptions"] == 60
    found = cases(files["junit.xml"])
    red = [name for name, case in found.items() if bad(case)]
    assert red == ["limit: version_p99 < 0.001 ms"]
    assert str(bad(found[red[0]]).message).startswith("limit: version_p99 < 0.001 ms: ")  # type: ignore[union-attr]
    assert {"held", "version", "limit: held >= 60 notifications"} < found.keys()
    markdown = files["summary.md"].read_text(encoding="utf-8")
    assert markdown.startswith("what an earlier step wrote\n## FAIL: connections stress test\n")
    assert markdown.count("## ") == 1
    assert "| FAIL | limit: version\\_p99 &lt; 0.001 ms: " in markdown


def test_a_refused_run_has_files_and_no_secret_is_in_them(stack: Stack) -> None:
    files = [stack.folder / name for name in ("result.json", "junit.xml", "summary.md")]
    for file in files[:2]:
        file.write_text("PASS")
    stack.broker_port = stack.inspector_port = stack.listener_port = str(free_port())
    run = stack.locust_process(
        *("--headless", *stack.options("--inspector-token", "hunter2", "--restart-command", "hunter2")),
        *("--mongo", "mongodb://me:hunter2@127.0.0.1:1", "--ramp", "10:20:10"),
        *("--json", files[0], "--junit", files[1]),
        env={"GITHUB_STEP_SUMMARY": str(files[2])},
    )
    assert run.wait() == 3, run.output
    valid(files[0])
    document = json.loads(files[0].read_text(encoding="utf-8"))
    assert (document["verdict"], document["figures"], document["options"]["mongo"]) == (
        "PREFLIGHT FAILED",
        {},
        "mongodb://***@127.0.0.1:1",
    )
    assert isinstance(bad(cases(files[1])["preflight"]), Error)
    for file in files:
        assert "hunter2" not in file.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.alone("500 connections, and 500 ms for the slowest answer")
def test_the_jobs_command_as_written(tmp_path: Path) -> None:
    for entry in ROOT.iterdir():
        if entry.name not in {".git", "rehearsal-output"}:
            (tmp_path / entry.name).symlink_to(entry)
    page = (ROOT / "docs" / "pipeline.md").read_text(encoding="utf-8")
    job = yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])["jobs"]["connections"]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert len(commands) == 1
    done = subprocess.run(
        commands[0], shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    valid(tmp_path / "result.json")
    assert not [case for case in cases(tmp_path / "junit.xml").values() if bad(case)]


def test_what_a_broker_says_breaks_no_file(tmp_path: Path) -> None:
    document = result(replay(str(RECORDINGS[0]))[1])
    evil = replace_of(document, reasons=[Reason("version", "FAIL", EVIL)], causes=[Cause(EVIL, EVIL, EVIL, EVIL)])
    path = tmp_path / "junit.xml"
    path.write_text(junit(evil), encoding="utf-8")
    assert str(bad(cases(path)["version"]).message).startswith("<b>]]>&  [31m ")  # type: ignore[union-attr]
    row = summary(evil).splitlines()[-1]
    assert "<b>" not in row
    assert row.replace("\\|", "").count("|") == 3


def replace_of(struct: Any, **changed: object) -> Any:
    return type(struct)(**{**{name: getattr(struct, name) for name in struct.__struct_fields__}, **changed})


def test_locusts_own_flag_is_still_there() -> None:
    parser = LocustArgumentParser()
    parser.add_argument("--json", action="store_true", default=False)
    add_arguments(parser)
    flag, file = parser.parse_args(["--json"]), parser.parse_args(["--json", "result.json"])
    assert (flag.json, flag.result) == (True, "")
    assert (file.json, file.result) == (False, "result.json")


@pytest.mark.parametrize(
    ("status", "body", "libraries"),
    [
        (200, '{"orion": {"version": "4.7.0", "libversions": {"libcurl": "8.1", "x": 7}}}', {"libcurl": "8.1"}),
        (200, '{"orion": {"version": "4.7.0"}}', {}),
        (200, '{"orion": {"version": "4.7.0", "libversions": "none"}}', {}),
        (200, '{"orionld version": "1.5"}', {}),
        (400, "", {}),
    ],
)
def test_library_versions(status: int, body: str, libraries: dict[str, str]) -> None:
    assert Ngsiv2("http://x", "s", "/").libraries_of(Answer(status, {}, body)) == libraries
