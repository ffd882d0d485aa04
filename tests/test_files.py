"""The files of a run: those that cannot be written are found before it, or told; no empty one replaces another."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scenario.errors import OutputError
from scenario.outputs import files
from scenario.settings.values import open_for_writing
from tests.support.processes import ROOT
from tests.support.stack import Stack, verdict

PASS, FAIL, USAGE, PREFLIGHT, INCONCLUSIVE = range(5)
FULL = Path("/dev/full")  # every write fails: No space left on device


@pytest.mark.parametrize("flag", ["--report-log", "--connections-report"])
@pytest.mark.parametrize("path", ["/nowhere/file", "/proc/file", "/etc/passwd/file"])
def test_a_file_that_cannot_be_opened_is_found_by_the_preflight(stack: Stack, flag: str, path: str) -> None:
    run = stack.start().locust(flag, path)
    assert stack.ended(run, PREFLIGHT) == []
    assert f"{flag}: {path}: " in verdict(run)[1]
    assert f"{flag} names another file" in verdict(run)[1]


@pytest.mark.parametrize("flag", ["--csv", "--html", "--json-file", "--logfile"])
@pytest.mark.parametrize("path", ["/proc/nowhere/run", "/etc/passwd/run"])
def test_a_file_of_locusts_own_that_cannot_be_opened(stack: Stack, flag: str, path: str) -> None:
    stack.broker_port = stack.inspector_port = stack.listener_port = "1"  # never asked
    run = stack.locust(flag, path)
    assert run.wait() == USAGE, run.output
    assert f"{flag}: takes a file that can be written, not '{path}': " in run.output
    assert "Traceback" not in run.output


def test_a_folder_that_is_not_there_is_made_for_the_csv(stack: Stack) -> None:
    stack.prefix = stack.folder / "new" / "run"
    stack.ended(stack.start().locust("--preflight-only"), PASS)
    assert Path(f"{stack.prefix}_connections.csv").exists()


def test_a_full_disk_is_told_and_the_run_is_not_green(stack: Stack) -> None:
    paths = [Path(f"{stack.prefix}_{name}") for name in ("connections.csv", "run.jsonl", "report")]
    for path in paths:
        path.symlink_to(FULL)
    run = stack.start().locust("--duration", "5s", "--connections-report", paths[-1], "--report-log", FULL)
    assert run.wait(60) == INCONCLUSIVE, run.output
    for path in (*paths, FULL):
        assert verdict(run)[1].count(f"files: {path} could not be written: No space left on device") == 1
    assert run.output.count("Traceback") == 0


def test_a_full_disk_for_locusts_own_files_is_no_failure_of_the_broker(stack: Stack) -> None:
    Path(f"{stack.prefix}_stats_history.csv").symlink_to(FULL)
    run = stack.start().locust("--duration", "8s")
    assert run.wait(60) == INCONCLUSIVE, run.output
    assert "files: Locust's of --csv could not be written: No space left on device" in verdict(run)[1]
    assert "Traceback" not in run.output


def test_nobody_reads_what_is_printed(stack: Stack) -> None:
    options = stack.start().options("--duration", "5s")
    locust = (Path(sys.executable).with_name("locust"), "--locustfile", ROOT / "locustfile.py", "--headless")
    run = stack.processes.start("sh", "-c", '"$@" >&- 2>&-', "sh", *locust, *options)
    assert run.wait(60) == PASS, stack.report_log.read_text(encoding="utf-8")
    assert "Verdict: PASS" in stack.report_log.read_text(encoding="utf-8")


@pytest.mark.parametrize("flag", ["--html", "--json-file"])
@pytest.mark.slow
def test_a_full_disk_at_locusts_end_is_no_failure_of_the_broker(stack: Stack, flag: str) -> None:
    for name in ("end", "end.json"):  # Locust adds the .json
        (stack.folder / name).symlink_to(FULL)
    run = stack.start().locust("--duration", "5s", flag, stack.folder / "end")
    assert run.wait(60) == INCONCLUSIVE, run.output
    assert "Locust: it could not write what it was asked for: [Errno 28] No space left on device" in verdict(run)[1]
    assert "Traceback" not in run.output


def test_no_empty_file_replaces_an_earlier_one(
    tmp_path: Path,
) -> None:
    earlier = tmp_path / "report"
    earlier.write_text("of an earlier run", encoding="utf-8")
    (tmp_path / "report.new").symlink_to(FULL)
    with pytest.raises(OutputError, match=f"files: {earlier} could not be written: No space left on device"):
        files.write(earlier, "page")
    (tmp_path / "report.new").symlink_to(FULL)
    with pytest.raises(OutputError, match="No space left"):
        files.LineFile(earlier).begin("line\n")
    assert earlier.read_text(encoding="utf-8") == "of an earlier run"
    assert list(tmp_path.iterdir()) == [earlier]


def test_lines_are_there_at_once(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_text("of an earlier run", encoding="utf-8")
    file = files.LineFile(path)
    file.write("before the beginning\n")
    assert path.read_text(encoding="utf-8") == "of an earlier run"
    file.begin("1\n")
    file.write("2\n")
    assert path.read_text(encoding="utf-8") == "1\n2\n"
    file.close()
    file.write("3\n")
    file.begin("a\n")
    assert path.read_text(encoding="utf-8") == "a\n"


def test_an_error_is_told_once() -> None:
    file = files.LineFile(FULL)
    file.begin("")
    with pytest.raises(OutputError, match="/dev/full could not be written: No space left on device"):
        file.write("line\n")
    file.write("line\n")


def test_looking_leaves_everything_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "report"
    open_for_writing(path)
    assert list(tmp_path.iterdir()) == []
    path.write_text("earlier", encoding="utf-8")
    open_for_writing(path)
    assert [each.read_text(encoding="utf-8") for each in tmp_path.iterdir()] == ["earlier"]
    for bad in (tmp_path / "none" / "report", path / "report"):
        with pytest.raises(OSError, match=str(bad)):
            open_for_writing(bad)
