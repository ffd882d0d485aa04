"""The house's rules that a reader cannot see at a glance: who imports whom, and how long a room may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import ROOT

# Each module may import those before it only: data flows one way.
ORDER = (
    *("database", "values", "options", "records", "broker", "listeners", "checks", "inspection", "run", "events"),
    *("progress", "held", "figures", "symptoms", "recovery", "diagnosis", "timeline", "verdict"),
    *("breaking_point", "growth", "preflight", "users", "probes", "evidence", "recorder"),
    *("phases", "steps", "ramp", "cycles", "shapes", "outputs", "wiring", "compare"),
)
SOURCES = sorted(path for folder in ("scenario", "listener", "setup_scripts") for path in (ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "scenario" and len(parts) > 1 and parts[1] in ORDER else None


@pytest.mark.parametrize("path", sorted((ROOT / "scenario").rglob("*.py")), ids=lambda path: path.stem)
def test_scenario_imports_only_what_comes_before(path: Path) -> None:
    own = room(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if own is None:
        assert path.name in ("__init__.py", "__main__.py"), f"{path} has no place in ORDER"
        return
    for imported in filter(None, map(room, imports(path))):
        assert imported == own or ORDER.index(imported) < ORDER.index(own), f"{own} imports {imported}"


@pytest.mark.parametrize("folder", ["listener", "setup_scripts"])
def test_listener_and_scripts_stand_alone(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        assert not [name for name in imports(path) if name.split(".")[0] in ("scenario", "locust")], path


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_long_module_or_function(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    # The inspector is one file because it is copied to the broker's host alone.
    assert len(source.splitlines()) <= (610 if path.name == "connection_inspector.py" else 250)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
            assert node.end_lineno - node.lineno < 45, f"{path}: {node.name}"
