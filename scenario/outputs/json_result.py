"""`--json`: the result of a run for machines. Its JSON Schema, docs/result.schema.json, is made from these classes.

python -c 'from scenario.outputs.json_result import schema; print(schema())' > docs/result.schema.json
"""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import locust

import msgspec
from msgspec import Meta

from scenario.outputs.history import History
from scenario.peers import broker_of
from scenario.run.results import Criterion, Diagnosis, Step, Verdict
from scenario.settings.secrets import shown
from scenario.verdict.expectations import parse
from scenario.verdict.measures import MEASURES

FORMAT = 1  # changes if an older reader would misunderstand the file
_PROJECT = Path(__file__).parents[2] / "pyproject.toml"
Outcome = Annotated[str, Meta(description="PASS, FAIL, INCONCLUSIVE, PREFLIGHT FAILED or PREFLIGHT OK")]
Figures = Annotated[dict[str, float | None], Meta(description="by name; null: not measured")]


class Reason(msgspec.Struct, frozen=True):
    """A criterion or limit, and the reason for its outcome."""

    name: str
    verdict: Outcome
    text: str
    limit: bool = False


class LimitResult(msgspec.Struct, frozen=True):
    """A --limit. Value and bound have the unit of the figure."""

    figure: str
    comparison: str
    bound: float
    unit: str
    value: float | None
    verdict: Outcome


class Cause(msgspec.Struct, frozen=True):
    """A cause. docs/causes.md lists all of them."""

    name: str
    sentence: str
    evidence: str
    remedy: str


class StepResult(msgspec.Struct, frozen=True):
    """A step of a ramp, or a cycle."""

    number: int
    subscriptions: int
    verdict: Outcome
    reasons: list[Reason]
    causes: list[Cause]
    figures: Figures


class Versions(msgspec.Struct, frozen=True):
    """Versions of the parts; libraries if the broker reports them."""

    broker: str
    libraries: dict[str, str]
    locust: str
    connections_stress_test: str


class Result(msgspec.Struct, frozen=True):
    """The result of a run."""

    format: int
    began: Annotated[str, Meta(description="ISO 8601, UTC")]
    verdict: Outcome
    exit_code: int
    reasons: list[Reason]
    causes: list[Cause]
    limits: Annotated[
        list[LimitResult], Meta(description="empty for a ramp and for cycles, because each step is judged by them")
    ]
    figures: Annotated[Figures, Meta(description="empty for a ramp and for cycles, because each step has its own")]
    steps: Annotated[list[StepResult], Meta(description="the steps of a ramp, or the cycles")]
    options: Annotated[dict[str, Any] | None, Meta(description="null: an option was refused")]
    versions: Versions


def result(history: History) -> Result:
    """Return the result of the last run. It contains no secrets."""
    verdict = history.verdict
    assert verdict is not None
    return Result(
        format=FORMAT,
        began=datetime.fromtimestamp(history.began, UTC).isoformat(timespec="seconds"),
        verdict=verdict.outcome,
        exit_code=verdict.exit_code,
        reasons=_reasons(verdict.criteria),
        causes=_causes(verdict.causes),
        limits=_limits(history, verdict),
        figures=verdict.figures,
        steps=[_step(step) for step in history.steps],
        options=shown(history.options).by_name() if history.options else None,
        versions=versions(history),
    )


def encoded(history: History) -> str:
    """Return the text of the file."""
    return msgspec.json.format(msgspec.json.encode(result(history)), indent=2).decode() + "\n"


def schema() -> str:
    """Return the JSON Schema of the file, with the names of all figures."""
    made = msgspec.json.schema(Result)
    number = {"anyOf": [{"type": "number"}, {"type": "null"}]}
    figures = {each.name: {**number, "description": f"{each.unit}: {each.meaning}"} for each in MEASURES}
    made["$defs"]["Figures"] = {"type": "object", "properties": figures, "additionalProperties": number}
    for name in ("Result", "StepResult"):
        made["$defs"][name]["properties"]["figures"] = {"$ref": "#/$defs/Figures"}
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Result of a connections stress test"}
    return json.dumps(about | made, indent=2)


def _own_version() -> str:
    """Return this project's version."""
    try:
        return str(tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]["version"])
    except (OSError, ValueError, KeyError):
        return "unknown"


def _reasons(criteria: tuple[Criterion, ...]) -> list[Reason]:
    return [Reason(each.title, each.outcome, str(each), each.limit) for each in criteria]


def _causes(causes: tuple[Diagnosis, ...]) -> list[Cause]:
    return [Cause(each.cause, each.sentence, each.evidence, each.remedy) for each in causes]


def _limits(history: History, verdict: Verdict) -> list[LimitResult]:
    outcomes = {each.name: each.outcome for each in verdict.criteria if each.limit}
    return [
        LimitResult(
            figure=limit.measure.name,
            comparison=limit.comparison,
            bound=limit.bound,
            unit=limit.measure.unit,
            value=verdict.figures.get(limit.measure.name),
            verdict=outcomes[str(limit)],
        )
        for limit in parse(history.options.limits.limit if history.options else "")
        if str(limit) in outcomes
    ]


def _step(step: Step) -> StepResult:
    verdict = step.verdict
    reasons, causes = _reasons(verdict.criteria), _causes(verdict.causes)
    return StepResult(step.number, step.subscriptions, verdict.outcome, reasons, causes, verdict.figures)


def versions(history: History) -> Versions:
    """Return the versions of the parts; of a broker that is not known the start of its answer."""
    version = history.broker_version
    broker = broker_of(history.options).name(version) if history.options else version
    return Versions(broker, history.libraries, locust.__version__, _own_version())
