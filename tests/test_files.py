"""The files of a run: those that cannot be written are found before it, or reported; no empty one replaces another."""

from __future__ import annotations

import resource
import subprocess
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scenario.errors import OutputError
from scenario.outputs import files
from scenario.settings.replacing import open_for_writing
from scenario.settings.values import written_by_locust
from tests.support.processes import ROOT
from tests.support.stack import Stack, verdict

PASS, FAIL, USAGE, PREFLIGHT, INCONCLUSIVE = range(5)
FULL = Path("/dev/full")  # every write fails: No space left on device


@pytest.mark.parametrize("flag", ["--report-log", "--connections-report"])
@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/nowhere/file", marks=pytest.mark.slow),
        pytest.param("/proc/file", marks=pytest.mark.slow),
        "/etc/passwd/file",
    ],
)
def test_a_file_that_cannot_be_opened_is_found_by_the_preflight(stack: Stack, flag: str, path: str) -> None:
    run = stack.start().locust(flag, path)
    assert stack.ended(run, PREFLIGHT) == []
    assert f"{flag}: {path}: " in verdict(run)[1]
    assert f"choose another file with {flag}" in verdict(run)[1]


@pytest.mark.parametrize("flag", ["--csv", "--html", "--json-file", "--logfile"])
@pytest.mark.parametrize("path", ["/proc/nowhere/run", "/etc/passwd/run"])
def test_a_file_of_locusts_own_that_cannot_be_opened(stack: Stack, flag: str, path: str) -> None:
    stack.broker_port = stack.inspector_port = stack.listener_port = "1"  # never asked
    run = stack.locust(flag, path)
    assert run.wait() == USAGE, run.output
    assert f"{flag}: takes a file that can be written, not '{path}': " in run.output
    assert "Traceback" not in run.output


@pytest.mark.parametrize("end", ["_stats.csv", "_stats_history.csv", "_failures.csv", "_exceptions.csv", ".json", ""])
@pytest.mark.parametrize("there", [True, False])
def test_locust_follows_no_link(tmp_path: Path, end: str, there: bool) -> None:
    target = tmp_path / "mine"
    if there:
        target.write_text("mine", encoding="utf-8")
    (tmp_path / f"run{end}").symlink_to(target)
    with pytest.raises(ArgumentTypeError, match="takes no link, which Locust would follow: "):
        written_by_locust(str(tmp_path / "run"))
    assert target.exists() == there


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


@pytest.mark.slow
def test_a_full_disk_for_locusts_own_files_is_no_failure_of_the_broker(stack: Stack) -> None:
    Path(f"{stack.prefix}_stats_history.csv").symlink_to(FULL)
    run = stack.start().locust("--duration", "8s")
    assert run.wait(60) == INCONCLUSIVE, run.output
    assert "files: Locust's of --csv could not be written: No space left on device" in verdict(run)[1]
    assert "Traceback" not in run.output


@pytest.mark.slow
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


@pytest.fixture
def full() -> Iterator[None]:
    """No file may grow."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_no_empty_file_replaces_an_earlier_one(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    earlier = tmp_path / "report"
    earlier.write_text("of an earlier run", encoding="utf-8")
    request.getfixturevalue("full")
    with pytest.raises(OutputError, match=f"files: {earlier} could not be written: File too large"):
        files.write(earlier, "page")
    with pytest.raises(OutputError, match="File too large"):
        files.LineFile(earlier).begin("line\n")
    assert earlier.read_text(encoding="utf-8") == "of an earlier run"
    assert list(tmp_path.iterdir()) == [earlier]


WAYS: dict[str, Callable[[Path], object]] = {
    "write": lambda path: files.write(path, "page"),
    "begin": lambda path: files.LineFile(path).begin("page"),
    "look": open_for_writing,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["report", "r" * 255])
def test_nothing_but_what_was_named_is_replaced_or_removed(tmp_path: Path, way: str, name: str) -> None:
    outside = tmp_path / "outside"
    folder = tmp_path / "folder"
    folder.mkdir()
    outside.write_text("mine", encoding="utf-8")
    beside = [f"report{end}" for end in (".new", ".tmp", ".part", "~", ".bak")] + [
        ".report.new",
        ".new",
        "report.new.new",
    ]
    for each in beside:
        (folder / each).symlink_to(outside)
    for each in ("report.1", "report.swp"):
        (folder / each).write_text("mine", encoding="utf-8")
    before = {path: path.readlink() if path.is_symlink() else path.read_text("utf-8") for path in folder.iterdir()}
    WAYS[way](folder / name)
    after = {path: path.readlink() if path.is_symlink() else path.read_text("utf-8") for path in folder.iterdir()}
    assert after == before | ({} if way == "look" else {folder / name: "page"})
    assert outside.read_text("utf-8") == "mine"


@pytest.mark.parametrize("way", ["write", "begin"])
@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_replaced_and_not_followed(tmp_path: Path, way: str, there: bool) -> None:
    target, link = tmp_path / "target", tmp_path / "report"
    if there:
        target.write_text("mine", encoding="utf-8")
    link.symlink_to(target)
    open_for_writing(link)
    assert link.readlink() == target
    WAYS[way](link)
    assert not link.is_symlink()
    assert link.read_text("utf-8") == "page"
    assert target.exists() == there
    assert not there or target.read_text("utf-8") == "mine"


def test_the_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    files.write(tmp_path / "report", "page")
    (tmp_path / "other").touch()
    assert (tmp_path / "report").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_stdout_is_no_file_to_be_replaced(tmp_path: Path) -> None:
    script = (
        "import pathlib, scenario.settings.replacing as it; path = pathlib.Path('/dev/stdout');"
        "it.open_for_writing(path); it.begin(path, 'page')"
    )
    with (tmp_path / "out").open("w", encoding="utf-8") as out:
        subprocess.run((sys.executable, "-c", script), cwd=ROOT, stdout=out, check=True)
    assert (tmp_path / "out").read_text("utf-8") == "page"
    assert Path("/dev/stdout").is_symlink()


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
        with pytest.raises(OSError, match=f"{bad.parent}/"):
            open_for_writing(bad)
