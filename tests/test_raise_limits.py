"""setup_scripts/raise_limits.sh, under the shells that a host may have."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from scenario.settings.needs import SPARE
from tests.support.limits import (
    BROKER_LOGINS,
    BROKER_SERVICE,
    FILES,
    NOFILE,
    SCRIPTS,
    SHELLS,
    THREADS,
    N,
    control_group,
    limited,
    limits,
    login_limits,
    service_limits,
    under_each_shell,
)
from tests.support.processes import Process, Processes


def table(process: Process) -> dict[str, tuple[int, str, str]]:
    """Return {"host limit": (needed, here, state)}."""
    rows = re.findall(r"^(\w+) +(\S.{14})  +(\d+)  +(\S+)  (ok|too low)$", process.output, re.MULTILINE)
    return {f"{host} {limit.strip()}": (int(needed), here, state) for host, limit, needed, here, state in rows}


def written(folder: Path) -> dict[str, str]:
    """Return the files below `folder`/etc and what is in them."""
    files = [path for path in (folder / "etc").rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in files}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Script:
    """Runs raise_limits.sh for N subscriptions."""

    def __init__(self, processes: Processes, shell: str) -> None:
        self.processes, self.shell = processes, shell
        self.words = [shell, str(SCRIPTS / "raise_limits.sh"), "--subscriptions", str(N)]

    def run(self, *options: str | Path, exit_code: int = 0, before: list[str] | None = None) -> Process:
        process = self.processes.start(*(before or []), *self.words, *options)
        assert process.wait(10) == exit_code, process.output
        return process

    def in_shell(self, text: str, before: list[str]) -> Process:
        """Run `text` in a shell of its own, where $script is the command line."""
        process = self.processes.start(*before, self.shell, "-c", text, env={"script": " ".join(self.words)})
        process.wait(10)
        return process


@pytest.fixture
def script(processes: Processes, shell: str) -> Script:
    return Script(processes, shell)


def test_what_each_host_needs_and_has(script: Script) -> None:
    seen = table(script.run(before=limited(), exit_code=1))
    assert seen["broker open files"] == (NOFILE, "1024/6000", "too low")
    assert seen["broker processes"] == (THREADS, "1600/5000", "too low")
    assert seen["listener open files"] == (N + SPARE, "1024/6000", "ok")  # it raises its own to the hard limit
    assert seen["locust open files"] == (10 + 8 + SPARE, "1024/6000", "ok")
    assert seen["broker ephemeral ports"][0] == seen["listener somaxconn"][0] == N
    assert {row.split()[0] for row in table(script.run("--host", "listener"))} == {"listener"}


def test_enough_is_exit_code_0(script: Script) -> None:
    process = script.run("--host", "broker", "--host=locust", before=limited(f"{NOFILE}:6000", f"{THREADS}:5000"))
    assert {state for _, _, state in table(process).values()} == {"ok"}
    assert process.output.count("\n") == 1 + len(table(process))
    assert table(script.run(before=limited(f"{NOFILE - 1}:6000", "6000:6000"), exit_code=1))["broker open files"] == (
        NOFILE,
        f"{NOFILE - 1}/6000",
        "too low",
    )


def test_what_to_do_depends_on_the_hard_limit(script: Script) -> None:
    remedy = r"^broker, open files: eval .* --export --host=broker --subscriptions 1500\)\"$"
    assert re.search(remedy, script.run("--host", "broker", before=limited(), exit_code=1).output, re.MULTILINE)
    remedy = r"^listener, open files: as root, .* --write --subscriptions 1500 --user \w+, then log in again$"
    low = script.run(before=limited("256:1024"), exit_code=1)
    assert re.search(remedy, low.output, re.MULTILINE)


def test_the_kernels_settings(script: Script) -> None:
    network = [
        "unshare",
        "--net",
        "sh",
        "-c",
        'echo 40000 40999 >$0/ipv4/ip_local_port_range && echo 128 >$0/core/somaxconn && exec "$@"',
        "/proc/sys/net",
    ]
    if subprocess.run([*network, "true"], check=False, capture_output=True, timeout=10).returncode:
        pytest.skip("cannot make a network namespace")
    process = script.run(before=[*limited("6000:6000"), *network], exit_code=1)
    assert table(process)["broker ephemeral ports"] == (N, "1000", "too low")
    assert table(process)["listener somaxconn"] == (N, "128", "too low")
    assert "net.core.somaxconn=1500" in process.output
    assert table(script.run("--subscriptions=9000", before=network, exit_code=1))["listener somaxconn"][0] == 4096


@pytest.mark.parametrize(
    ("most", "here", "state"),
    [("max", "unlimited", "ok"), (str(THREADS), str(THREADS), "ok"), (str(THREADS - 1), str(THREADS - 1), "too low")],
)
def test_the_control_groups_threads(script: Script, most: str, here: str, state: str) -> None:
    with control_group(most) as inside:
        before = [*limited("6000:6000", "5000:5000"), *inside]
        process = script.run("--host=broker", before=before, exit_code=state != "ok")
        assert table(process)["broker cgroup pids.max"] == (THREADS, here, state)


SHOW = '; echo "code $?"; cat /proc/self/limits'


def test_it_raises_this_shells_limits(script: Script) -> None:
    process = script.in_shell(f'eval "$($script --export)"{SHOW}', limited())
    assert limits(process.output) == {"open files": (str(NOFILE), "6000"), "processes": (str(THREADS), "5000")}
    assert "code 0" in process.output
    again = script.in_shell('eval "$($script --export)"; $script --export', limited())
    assert again.output == ""


def test_it_says_what_this_shell_may_not(script: Script) -> None:
    process = script.in_shell(f'eval "$($script --export --host listener)"{SHOW}', limited("256:1024"))
    assert limits(process.output)["open files"] == ("256", "1024")
    sentence = (
        f"the listener needs {N + SPARE} open files for {N} subscriptions, but the limit of this shell is 1024: "
        "as root, "
    )
    assert f"raise_limits.sh: {sentence}" in process.output
    assert "code 1" in process.output


def test_sourced_it_leaves_the_shell_alone(script: Script) -> None:
    text = f'. {SCRIPTS}/raise_limits.sh; echo "still here, $?"; unset x; echo "${{x-}}$x"'
    process = script.in_shell(text, limited())
    assert "do not source raise_limits.sh" in process.output
    assert "still here, 2" in process.output
    assert process.wait() == 0


def test_it_writes_what_lasts_once(script: Script, tmp_path: Path) -> None:
    process = script.run("--write", "--root", tmp_path)
    found = written(tmp_path)
    assert login_limits(found[FILES["logins"]]) == {("orion", *limit) for limit in BROKER_LOGINS}
    assert service_limits(found[FILES["broker"]]) == BROKER_SERVICE
    assert service_limits(found[FILES["listener"]]) == {"LimitNOFILE": str(N + SPARE)}
    assert "the next login of orion; for the services, after systemctl daemon-reload" in process.output
    again = script.run("--write", "--root", tmp_path)
    assert [name for name in FILES.values() if f"{tmp_path / name} is already there" in again.output] == [
        *FILES.values()
    ]
    assert "wrote" not in again.output


def test_a_listeners_host_alone(script: Script, tmp_path: Path) -> None:
    script.run("--write", "--root", tmp_path, "--host", "listener", "--user", "*")
    found = written(tmp_path)
    assert login_limits(found.pop(FILES["logins"])) == {
        ("*", kind, "nofile", str(N + SPARE)) for kind in ("soft", "hard")
    }
    assert [*found] == [FILES["listener"]]


def test_another_file_of_that_name_stays(script: Script, tmp_path: Path) -> None:
    theirs = tmp_path / FILES["listener"]
    theirs.parent.mkdir(parents=True)
    theirs.write_text("[Service]\nLimitNOFILE=70000\n")
    process = script.run("--write", "--root", tmp_path, exit_code=1)
    assert (
        process.output
        == f"raise_limits.sh: {theirs} exists with other contents and was not changed; nothing was written\n"
    )
    assert written(tmp_path) == {FILES["listener"]: "[Service]\nLimitNOFILE=70000\n"}


def test_locust_needs_no_file(script: Script, tmp_path: Path) -> None:
    assert "nothing to write" in script.run("--write", "--root", tmp_path, "--host", "locust").output
    assert not written(tmp_path)


@under_each_shell
def test_writing_is_for_root(processes: Processes, shell: str) -> None:
    with tempfile.TemporaryDirectory() as folder:  # one that another user may read
        Path(folder).chmod(0o755)
        copy = shutil.copytree(SCRIPTS, Path(folder) / "setup scripts")
        somebody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] * (os.getuid() == 0)
        process = processes.start(*somebody, shell, copy / "raise_limits.sh", "--write", cwd=Path("/"))
        assert process.wait(10) == 3
        assert process.output == "raise_limits.sh: --write needs root\n"


@under_each_shell
@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--subscriptions", "many"], "--subscriptions"),
        (["--subscriptions=0"], "--subscriptions"),
        (["--subscriptions=10000000"], "--subscriptions"),
        (["--subscriptions"], "--subscriptions"),
        (["--host", "mongo"], "--host"),
        (["--user", "a b"], "--user"),
        (["--write", "--root", "/no/such/folder"], "--root"),
        (["--colour"], "--colour"),
        (["broker"], "broker"),
    ],
)
def test_bad_options_are_one_sentence(processes: Processes, shell: str, options: list[str], named: str) -> None:
    process = processes.start(shell, SCRIPTS / "raise_limits.sh", *options)
    assert process.wait(10) == 2
    assert process.output.startswith("raise_limits.sh: ")
    assert named in process.output
    assert process.output.count("\n") == 1
