"""`python -m scenario.compare`: what it says of two runs, its exit codes, and the chart."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import Page
from tests.support.comparison import compare, compare_command, row, rows, write
from tests.support.stack import Stack

EVIL = "<img src=x onerror=alert(1)> & <b>bold"


def compared(folder: Path, a: Sequence[dict[str, object]], b: Sequence[dict[str, object]], *options: str) -> Any:
    files = write(folder / "a_run.jsonl", a), write(folder / "b_run.jsonl", b)
    return compare(folder, *files, "--chart", "", *options)


def line(output: str, name: str) -> list[str]:
    """Return the cells of a figure's line: A, B, change, allowed, and the mark if there is one."""
    found = next(text for text in output.splitlines() if text.startswith(name))
    return re.split(r"  +", found)[1:]


WORSE: list[tuple[dict[str, object], str]] = [
    ({"version": 60.1}, "version_p95|version_p50"),
    ({"version": 120}, "version_max|version_p99|version_p95|version_p50"),
    ({"version": 1, "version_error": "reset"}, "version_nok"),
    ({"update": 1, "update_error": "reset"}, "update_nok"),
    ({"query": 30}, "query_p50"),
    ({"held": 890}, "held|fds_each|threads_each|listener_held"),  # what a listener has answered is not held
    ({"sent_error": 6}, "sent_error"),
    ({"rejected": 6}, "rejected"),
    ({"backlog": 9}, "queue_empty_since"),
    ({"fds": 3400}, "fds_each"),
    ({"threads": 1200}, "threads_each"),
    ({"rss": 80_000_000}, "rss_each"),
    ({"lost": 1}, "healthy_lost"),
]


@pytest.mark.parametrize(("changed", "named"), WORSE, ids=[named.split("|")[0] for _, named in WORSE])
def test_worse_in_one_figure(changed: dict[str, object], named: str, tmp_path: Path) -> None:
    run = compared(tmp_path, rows(), rows(**changed))
    assert run.returncode == 1, run.stdout + run.stderr
    marked = {text.split(" ")[0] for text in run.stdout.splitlines() if text.endswith("  worse")}
    assert marked <= set(named.split("|"))
    assert named.rsplit("|", maxsplit=1)[-1] in marked
    assert re.search(rf"^B is worse than A in {len(marked)} of \d+ figures judged: ", run.stdout, re.MULTILINE)
    back = compared(tmp_path, rows(**changed), rows())
    assert back.returncode == 0, "the other way round it is better\n" + back.stdout


def test_held_later_and_less(tmp_path: Path) -> None:
    slow = [row(second, **({"established": 12, "held": 0} if second < 5 else {})) for second in range(-2, 20)]
    run = compared(tmp_path, rows(), slow)
    assert run.returncode == 1
    assert line(run.stdout, "held_since") == ["1", "5", "+4 (+400 %)", "+2.0", "worse"]
    run = compared(tmp_path, rows(), rows(established=900))
    assert line(run.stdout, "held (") == ["1,000", "888", "-112 (-11 %)", "-100.0", "worse"]


def test_tolerance_and_floor(tmp_path: Path) -> None:
    near = rows(version=14.9, sent_error=5)
    assert compared(tmp_path, rows(), near, "--tolerance", "0%").returncode == 0, "within the floors"
    fewer = rows(), rows(established=932, held=920)
    assert compared(tmp_path, *fewer).returncode == 0
    run = compared(tmp_path, *fewer, "--tolerance", "5%")
    assert run.returncode == 1
    assert "tolerance  5 %, or the figure's floor (--help) where that is more" in run.stdout
    help_text = compare(tmp_path, "--help").stdout
    assert re.search(r"version_p50 \(ms\) +more +20\n", help_text)
    assert "(default: 10%)" in help_text


def test_not_measured_is_neither_zero_nor_judged(tmp_path: Path) -> None:
    blind = dict.fromkeys(("fds", "threads", "rss", "established", "close_wait"))
    run = compared(tmp_path, rows(), [{**row, **blind} for row in rows()])
    assert run.returncode == 0, run.stdout
    assert line(run.stdout, "held (") == ["1,000", "–", "–", "–", "not measured in B"]  # noqa: RUF001
    assert re.search(
        r"^not judged where it was not measured: held \(B\), held_since \(B\), fds_each \(B\)", run.stdout, re.M
    )


@pytest.mark.parametrize("column", ["A held nothing", "nobody counted"])
def test_nothing_to_judge_by_is_not_green(column: str, tmp_path: Path) -> None:
    nothing = {"A held nothing": (12, 0), "nobody counted": (None, None)}[column]
    empty = [{**row, "established": nothing[0], "held": nothing[1]} for row in rows()]
    run = compared(tmp_path, empty, empty)
    assert run.returncode == 4, run.stdout
    assert "cannot tell: " in run.stdout


def test_a_csv_is_refused(tmp_path: Path) -> None:
    good, csv = write(tmp_path / "good.jsonl", rows()), tmp_path / "run_connections.csv"
    csv.write_text("time_utc,second,phase\n", encoding="utf-8")
    for files in ((good, csv), (csv, good)):
        refused(compare_command(tmp_path, *files), f"{csv}: .*is no recorded run .*nor a file of --json")
    assert not (tmp_path / "comparison.html").exists()


def test_nothing_since_the_update_is_refused(tmp_path: Path) -> None:
    files = write(tmp_path / "good.jsonl", rows()), write(tmp_path / "bad.jsonl", rows()[:2])
    refused(compare(tmp_path, *files), "bad.jsonl: no row since the update")


def test_options_that_cannot_be_used(tmp_path: Path) -> None:
    good = write(tmp_path / "good.jsonl", rows())
    refused(compare(tmp_path, good, "none.jsonl"), "none.jsonl: No such file")
    refused(compare(tmp_path, good, tmp_path), "Is a directory")
    for tolerance in ("10", "-1%", "x", "nan%", ""):
        refused(compare(tmp_path, good, good, f"--tolerance={tolerance}"), "--tolerance: takes a share with its sign")
    refused(compare(tmp_path, good, good, "--chart", "none/c.html"), "--chart: takes a file that can be written")
    refused(compare(tmp_path, good, good, "--chart", good), "--chart: .*good.jsonl is one of the runs")


def refused(run: subprocess.CompletedProcess[str], sentence: str) -> None:
    assert run.returncode == 2, run.stdout + run.stderr
    assert run.stdout == ""
    assert re.search(sentence, run.stderr.splitlines()[-1]), run.stderr


@pytest.mark.slow
def test_real_runs(stack: Stack) -> None:
    stack.start()
    stack.ended(stack.locust(), 0)
    first = Path(f"{stack.prefix}_run.jsonl").rename(stack.folder / "first.jsonl")
    itself = compare_command(stack.folder, first, first, "--chart", "")
    assert itself.returncode == 0, itself.stdout + itself.stderr
    stack.broker.stop()
    stack.listener.stop()
    stack.inspector.stop()
    stack.start("--slow", 300)
    stack.ended(stack.locust(), 0)
    run = compare_command(stack.folder, first, f"{stack.prefix}_run.jsonl", "--chart", "")
    assert run.returncode == 1, run.stdout + run.stderr
    assert line(run.stdout, "version_p50")[-1] == "worse"
    assert line(run.stdout, "listener_held")[:2] == ["60", "60"]


def test_chart(page: Page, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    a = write(tmp_path / "<b>run.jsonl", rows(version=2000))
    b = write(tmp_path / "other" / "<b>run.jsonl", rows(version=None, version_error=EVIL))
    run = compare_command(tmp_path, a, b)
    assert run.returncode == 1, run.stderr
    chart = tmp_path / "comparison.html"
    assert f"chart: {chart}" in run.stdout
    assert not re.findall(r"""<(?:script|link|img)[^>]* (?:src|href)=""", chart.read_text(encoding="utf-8"))
    page.driver.get(f"file://{chart}")
    page.wait(lambda: page.points("established") == len(rows()))
    assert page.points("close wait") == len(rows())
    drawn = page.driver.execute_script(
        "return [...document.querySelectorAll('.scatterlayer .trace')].map((trace) => trace.__data__[0].trace)"
        ".filter((trace) => trace.name === 'NOK').map((trace) => trace.y.filter((y) => y !== null).length)"
    )
    assert drawn in ([0, 19], [19]), drawn
    lowest, highest = page.driver.execute_script("return document.querySelector('.chart')._fullLayout.yaxis2.range")
    assert 10**lowest < 0.1, "NOK without a latency"
    assert 10**highest > 2000
    page.driver.set_window_size(600, 1000)
    page.wait(lambda: page.find(".main-svg").size["width"] < 600)
    assert page.find(".chart").size["height"] == page.find(".main-svg").size["height"], "nothing else lies on it"
    titles = [
        element.text for element in page.driver.find_elements("css selector", "[class^=legend][class$=titletext]")
    ]
    assert len(set(titles)) == 2, titles
    assert all("<b>run.jsonl" in title for title in titles), "escaped, and told apart"
    assert page.find(".lines tr.nok td").text.startswith("version_nok")
    assert not page.driver.find_elements("css selector", "b b, img[src=x]")
