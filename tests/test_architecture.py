"""The house's rules that a reader cannot see at a glance: who imports whom, and how long a room may be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenario import ROOMS
from tests.support.processes import ROOT

FOLDERS = ("scenario", "listener", "rehearsal", "setup_scripts")
SOURCES = [*ROOT.glob("*.py"), *sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


ORDER = ROOMS.split(" < ")
BESIDE = {path.stem for path in (ROOT / "scenario").glob("*.py")} - {"__init__", *ORDER}


def test_every_package_is_a_room() -> None:
    packages = {path.parent.name for path in (ROOT / "scenario").glob("*/__init__.py")}
    assert packages == {*ORDER} - {"errors"}
    assert {path.parent for path in (ROOT / "scenario").rglob("*.py")} == {
        path.parent for path in (ROOT / "scenario").rglob("__init__.py")
    }


@pytest.mark.parametrize(
    "path", sorted((ROOT / "scenario").glob("*/**/*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_room_imports_only_from_those_to_its_left(path: Path) -> None:
    room = path.relative_to(ROOT / "scenario").parts[0]
    right = {*ORDER[ORDER.index(room) + 1 :], *BESIDE} - ({"replay"} if room == "compare" else set())
    assert not [name for name in imports(path) if name.startswith("scenario.") and name.split(".")[1] in right]


@pytest.mark.parametrize("folder", ["listener", "rehearsal", "setup_scripts"])
def test_listener_rehearsal_and_scripts_stand_alone(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        assert not [name for name in imports(path) if name.split(".")[0] in ("scenario", "locust")], path


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_no_test_module_is_imported(path: Path) -> None:
    assert not [name for name in imports(path) if name.startswith(("tests.test_", "tests.conftest"))]


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_a_test_that_wants_to_be_alone_says_why(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    reasoned = [node.func for node in nodes if isinstance(node, ast.Call) and node.args]
    assert all(node in reasoned for node in nodes if isinstance(node, ast.Attribute) and node.attr == "alone")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_long_module_or_function(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 250
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
            assert node.end_lineno - node.lineno < 45, f"{path}: {node.name}"


def sentences(path: Path) -> Iterator[str]:
    """Yield the texts of a module's code that are more than two words; docstrings are not code."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docs = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, documented)}
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    yield from (text for text in texts if len(text.split()) > 2 and text not in docs)


def test_no_rule_holds_a_sentence_of_a_peer() -> None:
    """A rule that reads prose dies when the prose is reworded: it asks for the kind of a failure."""
    said = {text for path in (ROOT / "scenario" / "peers").glob("*.py") for text in sentences(path)}
    for room in ("verdict", "preflight"):
        for path in (ROOT / "scenario" / room).rglob("*.py"):
            assert not said.intersection(sentences(path)), path


# What is a kind's alone: its words stand in peers/ and in rooms that bear a kind's name
OF_A_KIND = re.compile(
    r"ngsiv2|mongo|libcurl|-notificationMode|-httpTimeout|-subCacheIval|-multiservice|service.?path", re.I
)
NAMED_AFTER_A_KIND = re.compile("orion|ngsild|mongo|database")
# Not moved yet: the options, which are the same for all kinds; and what only ever is asked of an Orion
EXCEPTIONS = {
    *("settings/access", "settings/arguments", "settings/groups", "settings/options", "settings/secrets"),
    *("settings/values", "flow/cleanup", "flow/mark", "flow/preparation", "preflight/client_trial"),
    *("preflight/limits", "preflight/look_around", "preflight/name_lookups", "verdict/causes/peers"),
}


def test_what_is_of_a_kind_stands_in_its_room() -> None:
    folder = ROOT / "scenario"
    rooms = {str(path.relative_to(folder).with_suffix("")): path for path in folder.glob("*/**/*.py")}
    elsewhere = {
        room
        for room, path in rooms.items()
        if not room.startswith("peers/")
        and not NAMED_AFTER_A_KIND.search(path.stem)
        and OF_A_KIND.search(path.read_text("utf-8"))
    }
    assert elsewhere == EXCEPTIONS
