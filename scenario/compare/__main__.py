"""`python -m scenario.compare`: the command line, the table on stdout, the chart in a file."""

from __future__ import annotations

import argparse
import re
import sys
from argparse import ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path

from scenario import compare
from scenario.compare import chart
from scenario.compare.judgement import floors, judge, letters, table
from scenario.compare.runs import Run, read
from scenario.errors import OutputError, UnusableError
from scenario.outputs.files import write
from scenario.outputs.streams import keep_streams
from scenario.replay import usable
from scenario.settings.values import writable


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare runs; return the exit code. `arguments`: None for those of the command line."""
    keep_streams(plain=True)
    parser = _parser()
    options = parser.parse_args(arguments)
    if len(options.runs) < 2:
        parser.error("takes two runs, or more")
    tolerance = f"{options.tolerance:g} %, or the figure's floor (--help) where that is more"
    try:
        with usable(" or ".join(options.runs)):
            runs = [read(path) for path in options.runs]
            judgement = judge(runs, options.tolerance / 100)
            if options.chart:
                _write(options.chart, chart.render(runs, judgement, tolerance), runs)
    except (UnusableError, OutputError) as problem:
        parser.exit(2, f"{parser.prog}: error: {problem}\n")
    for letter, run in zip(letters(len(runs)), runs, strict=True):
        print(f"{letter:<11}{run.path}{f', {run.broker}' if run.broker else ''}")
    print(f"tolerance  {tolerance}\n")
    print("\n".join(table(judgement)), end="\n\n")
    print("\n".join(judgement.sentences))
    if options.chart:
        print(f"chart: {Path(options.chart).resolve()}")
    return judgement.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scenario.compare",
        usage="%(prog)s [--tolerance SHARE] [--chart FILE] A B [C ...]",
        description=compare.__doc__,
        epilog="\n".join(floors()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a _run.jsonl or a --json file")
    parser.add_argument(
        "--tolerance",
        type=_percent,
        default=10.0,
        metavar="SHARE",
        help="of the figure before, as 10%% (default: 10%%)",
    )
    parser.add_argument(
        "--chart",
        type=_chart,
        default="comparison.html",
        metavar="FILE",
        help="an HTML page, replaced if it is there; '' for none (default: comparison.html in this folder)",
    )
    return parser


def _percent(text: str) -> float:
    if not re.fullmatch(r"\d{1,4}(\.\d+)? ?%", text, re.ASCII):
        raise ArgumentTypeError(f"takes a share with its sign, such as 10% or 2.5%, not {text!r}")
    return float(text.rstrip(" %"))


def _chart(text: str) -> str:
    return text and writable(text)


def _write(path: str, page: str, runs: Sequence[Run]) -> None:
    file = Path(path)
    if any(file.resolve() == Path(run.path).resolve() for run in runs):
        raise UnusableError(f"--chart: {path} is one of the runs")
    write(file, page.encode(errors="backslashreplace").decode())


if __name__ == "__main__":
    sys.exit(main())
