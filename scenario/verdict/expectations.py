"""`--limit`: bounds for figures of scenario.verdict.measures. Each limit is a line of the verdict.

version_p99 < 200        held >= 5000        rss_growth < 5%        query_max < 1.5s
"""

from __future__ import annotations

import operator
import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from scenario.run.results import Criterion
from scenario.settings.actions import Join
from scenario.verdict.evidence import Evidence
from scenario.verdict.measures import MEASURES, Measure
from scenario.verdict.outcomes import FAIL, INCONCLUSIVE, PASS

_COMPARED = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq}
_FLOORS = (">", ">=", "==")
_EXPRESSION = re.compile(r"\s*(\w+)\s*(<=|>=|==|<|>)\s*(-?\d{1,12}(?:\.\d{1,6})?)\s*(%|[A-Za-z]*)\s*", re.ASCII)
_LATENCY = {"ms": 1.0, "s": 1000.0}
_MEMORY = {"kB": 1e3, "MB": 1e6, "GB": 1e9}
_BY_NAME = {measure.name: measure for measure in MEASURES}


@dataclass(frozen=True)
class Expectation:
    """A figure, how it is compared, and with what, in the figure's unit."""

    measure: Measure
    comparison: str
    bound: float

    def __str__(self) -> str:
        return f"{self.measure.name} {self.comparison} {shown(self.bound, self.measure)}"

    def kept(self, value: float) -> bool:
        """Whether a figure is within the limit."""
        return bool(_COMPARED[self.comparison](value, self.bound))


def shown(value: float, measure: Measure) -> str:
    """Return a figure with its unit."""
    number = f"{value:.6f}".rstrip("0").rstrip(".")
    return f"{number} {measure.unit}"


def parse(text: str) -> list[Expectation]:
    """Return the limits of a comma-separated text. Raises ArgumentTypeError."""
    return [_parsed(expression) for expression in text.split(",")] if text else []


def _parsed(expression: str) -> Expectation:
    parts = _EXPRESSION.fullmatch(expression)
    if parts is None:
        raise ArgumentTypeError(f"takes a figure, <, <=, >, >= or ==, and a number, not {expression!r}")
    name, comparison, number, unit = parts.groups()
    measure = _BY_NAME.get(name)
    if measure is None:
        nearest = _nearest(name, _BY_NAME)
        raise ArgumentTypeError(f"{name} is not a figure; did you mean {nearest}? (list: python -m scenario --figures)")
    factors = _units(measure.unit)
    if unit and unit not in factors:
        raise ArgumentTypeError(f"{name} is in {measure.unit}, not {unit}; did you mean {_nearest(unit, factors)}?")
    return Expectation(measure, comparison, float(number) * factors.get(unit, 1.0))


def _units(unit: str) -> dict[str, float]:
    """Return the units that a bound may have, each with its factor to the figure's own unit."""
    family = next((units for units in (_LATENCY, _MEMORY) if unit in units), {unit: 1.0})
    return {name: factor / family[unit] for name, factor in family.items()}


def _nearest(word: str, known: Iterable[str]) -> str:
    by_letters = {name.lower(): name for name in known}
    return by_letters[get_close_matches(word.lower(), by_letters, n=1, cutoff=0.0)[0]]


def _check(text: str) -> str:
    parse(text)
    return text


def add_limit(parser: ArgumentParser) -> None:
    """Add the option to Locust's parser (listener of `init_command_line_parser`)."""
    env_var: dict[str, Any] = {"env_var": "LOCUST_LIMIT"}
    action: Any = parser.add_argument_group("limits").add_argument(
        "--limit",
        **env_var,
        action=Join,
        type=_check,
        default="",
        metavar="EXPRESSION",
        help="limit for a figure, such as 'version_p99 < 200'; for several, repeat the option or use commas; "
        "python -m scenario --figures lists all figures",
    )
    action.include_in_web_ui = False  # what Locust does for arguments without a group


def limits(e: Evidence, figures: Mapping[str, float | None]) -> Iterator[Criterion]:
    """Judge the figures by the limits. A lower limit is not judged as FAIL if the run was cut short."""
    for expectation in parse(e.hold.options.limits.limit):
        value = figures[expectation.measure.name]
        if value is None:
            yield Criterion(str(expectation), INCONCLUSIVE, "not measured", limit=True)
            continue
        broken = INCONCLUSIVE if e.hold.progress.missing and expectation.comparison in _FLOORS else FAIL
        outcome = PASS if expectation.kept(value) else broken
        yield Criterion(str(expectation), outcome, shown(value, expectation.measure), limit=True)
