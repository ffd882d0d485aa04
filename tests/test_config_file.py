"""`--config-file`: it holds what the command line takes; a mistake is one sentence without any value, and code 2."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from locust.argument_parser import get_empty_argument_parser, setup_parser_arguments

import pytest

from scenario.settings.arguments import add_arguments
from scenario.settings.config_file import add_config_file
from scenario.settings.locusts_options import check_locusts_options
from scenario.verdict.expectations import add_limit

TOML = """
[tool.locust]
host = "https://orion"
notify-url = ["http://a/n", "http://b/n"]
header = ["X-Auth-Token: a, b", "X-Tenant: c"]
limit = ["held >= 5", "version_p99 < 200"]
subscriptions = 2000
version-slo = 250.5
duration = "90s"
no-client = true
no-reset = false
headless = true
web-host = "[::1]"
json = true
"""
CONF = """
# a comment
host = https://orion
notify-url = [http://a/n, http://b/n]
header = ["X-Auth-Token: a, b", "X-Tenant: c"]
limit: held >= 5,version_p99 < 200
--subscriptions 2000
version-slo=250.5
duration = "90s"
no-client
no-reset = false
headless = yes
web-host = ::1
json
"""
NESTED = "is nested too deeply, or contains a number that is too long"
PLAIN = "takes a text, a number, true, false, or a list of these"
BAD = ("9" * 5000, "0x" + "f" * 5000, "[" * 5000 + "]" * 5000, "{a=" * 5000 + "1" + "}" * 5000)
NO_OPTION = "is not an option for a file; did you mean"
EXPECTED = {
    "host": "https://orion",
    "notify_url": "http://a/n,http://b/n",
    "header": "X-Auth-Token: a, b\nX-Tenant: c",
    "limit": "held >= 5,version_p99 < 200",
    "subscriptions": 2000,
    "version_slo": 250.5,
    "duration": "90s",
    "no_client": True,
    "no_reset": False,
    "headless": True,
    "web_host": "::1",
    "json": True,
    "result": "",
}


def parsed(path: Path, content: str | bytes, *words: str, option: str = "--config-file") -> Namespace:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    parser = get_empty_argument_parser()
    setup_parser_arguments(parser)
    for add in (add_arguments, check_locusts_options, add_limit, add_config_file):
        add(parser)
    arguments: Namespace = parser.parse_args([option, str(path), *words])
    return arguments


@pytest.mark.parametrize("option", ["--config-file", "--config"])
@pytest.mark.parametrize(("name", "text"), [("run.toml", TOML), ("run.conf", CONF)])
def test_it_holds_what_the_command_line_takes(tmp_path: Path, name: str, text: str, option: str) -> None:
    arguments = vars(parsed(tmp_path / name, text, option=option))
    assert {key: arguments[key] for key in EXPECTED} == EXPECTED


def test_what_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCUST_SUBSCRIPTIONS", "2")
    monkeypatch.setenv("LOCUST_CYCLES", "2")
    given = ("--subscriptions", "1", "--notify-url", "http://localhost:8090/notify", "--notify-url", "http://c/n")
    text = '[tool.locust]\nsubscriptions = 3\ncycles = 3\nhold = 7\nnotify-url = ["http://a/n"]\n'
    arguments: Any = parsed(tmp_path / "run.toml", text, *given)
    assert (arguments.subscriptions, arguments.cycles, arguments.hold) == (1, 2, 7)
    assert arguments.notify_url == "http://localhost:8090/notify,http://c/n"  # the first is the default, all the same


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("run.toml", 'heder = "A: s3cret"', f"heder {NO_OPTION} header"),
        ("run.toml", 'notify_url = "s3cret"', f"notify_url {NO_OPTION} notify-url"),
        ("run.toml", 'config = "s3cret"', f"config {NO_OPTION} "),
        ("run.toml", 'mongo = ["mongodb://a:s3cret@b"]', "mongo takes one value, not a list"),
        ("run.toml", "no-client = [true]", "no-client takes one value, not a list"),
        ("run.toml", 'json = ["s3cret"]', "json takes one value, not a list"),
        ("run.toml", 'mongo = "s3cret', "Couldn't parse TOML file: "),
        ("run.toml", 'subscriptions = "many"', "argument --subscriptions: takes a whole number, not 'many'"),
        ("run.toml", 'header = {A = "s3cret"}', f"header {PLAIN}"),
        ("run.toml", "duration = 1979-05-27", f"duration {PLAIN}"),
        ("run.toml", "notify-url = [[1]]", f"notify-url {PLAIN}"),
        *(
            ("run.toml", f"subscriptions = {text}", "is nested too deeply, or contains a number that is too long")
            for text in BAD
        ),
        ("run.toml", '"\\u001b[2J" = 1', f"run.toml:  [2J {NO_OPTION}"),
        (
            "run.conf",
            f"subscriptions = {'9' * 5000}",
            "--subscriptions: takes a whole number from 1 to 1000000, not 999",
        ),
        ("run.conf", "#" * 1_000_001, "run.conf: is longer than 1000000 characters"),
        ("run.toml", 'mongo = "mongodb://a:s3cr/et@b"', "argument --mongo: takes host, host:port or a "),
        ("x.toml", "subscriptions = 5", "x.toml: has no section [tool.locust] for the options"),
        ("x.toml", "[locust]\nsubscriptions = 5", "x.toml: has no section [tool.locust] for the options"),
        ("x.toml", "tool = 5", "x.toml: has no section [tool.locust] for the options"),
        ("x.toml", "hold = 7\n[tool.locust]\n", "x.toml: hold must be below [tool.locust]"),
        ("x.toml", b"\xff", "x.toml: is not UTF-8 text"),
        ("run.conf", "heder: s3cret", f"heder {NO_OPTION} header"),
        ("run.conf", "header = A: s3cret\nheader = B: s3cret", "run.conf: has header more than once; write a list as "),
        ("run.conf", "mongo = [mongodb://a:s3cret@b]", "mongo takes one value, not a list"),
        ("run.conf", "= s3cret", "run.conf: Unexpected line 0"),
        ("run.conf", b"mongo = s3cret\xff", "run.conf: is not UTF-8 text"),
    ],
)
def test_mistakes_are_named(
    tmp_path: Path, name: str, content: str | bytes, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"[tool.locust]\n{content}" if name == "run.toml" and isinstance(content, str) else content
    with pytest.raises(SystemExit) as ended:
        parsed(tmp_path / name, text)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert sentence in said
    assert "s3cret" not in said


ALONE = "works on the command line only"
NAMES = ("drop-foreign", "restart-command")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("file", ["locust.conf", "~/.locust.conf", "pyproject.toml", "run.toml", "run.conf"])
@pytest.mark.parametrize("typed", [(), ("--drop-foreign", "orion-a", "--restart-command", "true")])
def test_no_file_has_anything_destroyed_or_run(
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    file: str,
    typed: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    text = f'[tool.locust]\n{name} = "s3cret"\n' if file.endswith("toml") else f"{name} = s3cret\n"
    named = file.startswith("run.")
    Path(file.replace("~", str(tmp_path))).write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        parsed(tmp_path / (file if named else "other.conf"), text if named else "", *typed)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert f"{name} {ALONE}" in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("variable", "value", "content"),
    [
        *((f"LOCUST_{name.upper().replace('-', '_')}", "orion-a", "") for name in NAMES),
        *(("LOCUST_TAGS", f'["a", "--{name}", "orion-a"]', "") for name in NAMES),
        ("LOCUST_EXCLUDE_TAGS", "[a, --drop-for=orion-a]", ""),
        ("OTHER", "", "tags = [a, --drop-foreign, orion-a]"),
        ("OTHER", "", "tags = [a, --restart-command=touch x]"),
        ("OTHER", "", "restart_command = touch x"),
        ("OTHER", "", "--drop-foreign orion-a"),
    ],
)
def test_nothing_else_has_either(
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    content: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is a list becomes several arguments."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as ended:
        parsed(tmp_path / "run.conf", content)
    assert ended.value.code == 2
    assert ALONE in capsys.readouterr().err


def test_typed_they_are_taken(tmp_path: Path) -> None:
    arguments = parsed(tmp_path / "run.conf", "hold = 7", "--drop-for", "orion-a", "--restart-command=true", "User")
    assert (arguments.drop_foreign, arguments.restart_command, arguments.hold) == ("orion-a", "true", 7)


def test_a_pyproject_of_something_else(tmp_path: Path) -> None:
    assert parsed(tmp_path / "pyproject.toml", '[project]\nname = "a"\n')
