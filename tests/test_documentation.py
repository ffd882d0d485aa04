"""What README.md and docs/ say that the code knows: options, columns, kinds of records, exit codes, causes, links."""

from __future__ import annotations

import re
from argparse import Action
from pathlib import Path

from locust.argument_parser import LocustArgumentParser

import pytest

from scenario.outputs.columns import COLUMNS, STEP_COLUMNS, TRIES_COLUMNS, Column
from scenario.run.records import KINDS
from scenario.settings.arguments import add_arguments
from scenario.verdict.causes import CAUSES
from scenario.verdict.expectations import add_limit
from scenario.verdict.measures import MEASURES
from scenario.verdict.outcomes import EXIT_CODES, FAIL, INCONCLUSIVE, PASS, PREFLIGHT
from scenario.verdict.thresholds import ROWS_SHARE
from scenario.web.metrics_port import add_metrics_port
from tests.support.processes import ROOT

DOCS = ROOT / "docs"
LOCUSTS = {"--config", "--config-file", "--host", "--json", "--run-time", "--loglevel", "--web-host", "--web-login"}
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def columns(table: tuple[Column, ...]) -> str:  # type: ignore[type-arg]
    """Return the columns as their page has them."""
    rows = [f"| `{column.name}` | {column.unit} | {column.meaning} |" for column in table]
    return "\n".join(["| column | unit | |", "| --- | --- | --- |", *rows])


@pytest.mark.parametrize("table", [COLUMNS, TRIES_COLUMNS, STEP_COLUMNS], ids=["rows", "tries", "steps"])
def test_columns(table: tuple[Column, ...]) -> None:  # type: ignore[type-arg]
    assert columns(table) in text(DOCS / "files.md")


def test_figures() -> None:
    rows = [f"| `{measure.name}` | {measure.unit} | {measure.meaning} |" for measure in MEASURES]
    assert "\n".join(["| figure | unit | |", "| --- | --- | --- |", *rows]) in text(DOCS / "pipeline.md")


def test_kinds_of_records() -> None:
    kinds = re.findall(r"`(\w+)`", text(DOCS / "files.md").partition("The kinds: ")[2].partition("\n\n")[0])
    assert kinds == list(KINDS)


def _options() -> list[Action]:
    parser = LocustArgumentParser()
    before = {action.dest for action in parser._actions}
    add_arguments(parser)
    add_limit(parser)
    add_metrics_port(parser)
    return [action for action in parser._actions if action.dest not in before]


def test_every_option_with_its_default() -> None:
    rows = [line for line in text(DOCS / "options.md").splitlines() if line.startswith("| `--")]
    documented = {name: row for row in reversed(rows) for name in re.findall(r"`(--[a-z-]+)`", row.split("|")[1])}
    known = {action.option_strings[0]: action.default for action in _options()}
    assert set(documented) - LOCUSTS == set(known)
    for name, default in known.items():
        if default not in ("", False):
            shown = f"{default:g}" if isinstance(default, float) else str(default)
            assert re.search(rf"(?<!\w){re.escape(shown)}(?!\w)", documented[name].split("|")[2]), f"{name}: {default}"


def test_exit_codes() -> None:
    rows = dict(re.findall(r"^\| (\d) \| ([A-Z ]*) \|", text(ROOT / "README.md"), re.MULTILINE))
    assert {name.strip(): int(code) for code, name in rows.items() if name.strip()} == {
        name: EXIT_CODES[name] for name in (PASS, FAIL, PREFLIGHT, INCONCLUSIVE)
    }
    assert f"{ROWS_SHARE * 100:.0f} % of the seconds" in text(DOCS / "verdict.md")


def test_causes() -> None:
    rows = re.findall(r"^\| `([a-z][a-z-]*)` \| (\D.*?) \|", text(DOCS / "causes.md"), re.MULTILINE)
    assert rows == [(cause.name, cause.says) for cause in CAUSES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text(page)):
        assert (page.parent / link).exists(), link


def test_every_page_is_linked() -> None:
    assert {f"docs/{path.name}" for path in DOCS.glob("*.md")} <= set(
        re.findall(r"\]\(([^)]+)\)", text(ROOT / "README.md"))
    )
