"""The current or last run, for the web UI's tab, the metrics and the report."""

from __future__ import annotations

from typing import Any

from scenario.outputs.columns import ANSWERS, STEP_COLUMNS, cells, named, names
from scenario.outputs.series import NAMES, figures, table
from scenario.outputs.words import criteria
from scenario.preflight.checks import checks
from scenario.run import events
from scenario.run.found import Found
from scenario.run.phase import Phase
from scenario.run.records import Evidence, HoldBegan, IdleClients, PhaseBegan, RunBegan, Said
from scenario.run.results import Check, Diagnosis, Row, Step, Verdict
from scenario.run.schedule import Schedule
from scenario.settings.options import Options

_ANSWERS = named(*ANSWERS)
READY, RUNNING = "READY", "RUNNING"  # the states in addition to the outcomes of a verdict


class History:
    """Listens to a run. It starts anew with the preflight of the next run."""

    def __init__(self) -> None:
        self._forget(0.0)
        for kind, listener in (
            (RunBegan, self._begin),
            (PhaseBegan, self._enter),
            (Found, self._look),
            (HoldBegan, self._hold),
            (Schedule, self._plan),
            (Said, self._progress),
            (Row, self._row),
            (Step, self._step),
            (IdleClients, self._idle),
            (Evidence, self._take_evidence),
            (Verdict, self._judge),
        ):
            events.on(kind, listener)

    def _forget(self, at: float) -> None:
        self.began = at  # s since the epoch; also identifies the run
        self.phase: Phase | None = None
        self.progress = ""
        self.options: Options | None = None  # None before the first run, and if an option was refused
        self.subscriptions = 0  # to be held now
        self.schedule: Schedule | None = None
        self.origin: int | None = None  # the first update, s since the epoch
        self.steps: list[Step] = []
        self.rows: list[Row] = []
        self.figures: list[list[Any]] = []  # the rows' figures
        self.nok = dict.fromkeys(ANSWERS, 0)  # rows in which each was NOK
        self.slowest = 0.0  # ms
        self.marks: dict[str, int] = {}  # name of what began -> second
        self.verdict: Verdict | None = None
        self.evidence = ""  # collected at the first NOK
        self.broker_version = ""  # text of GET /version before the run
        self.libraries: dict[str, str] = {}  # of the broker: their versions
        self.checks: list[Check] = []  # what the preflight found

    @property
    def host(self) -> str:
        """The broker's URL; "" without options."""
        return self.options.broker.host if self.options else ""

    @property
    def state(self) -> str:
        """READY before the first run, RUNNING, then the verdict's outcome."""
        if self.verdict is not None:
            return self.verdict.outcome
        return RUNNING if self.phase else READY

    @property
    def causes(self) -> tuple[Diagnosis, ...]:
        """The causes of the verdict; empty before it."""
        return self.verdict.causes if self.verdict is not None else ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons of the verdict; with --preflight-only what was found; before the verdict what is known so far."""
        if self.verdict is not None:
            checks = [f"{check.state}: {check.what}: {check.found}" for check in self.checks]
            return tuple(map(str, criteria(self.verdict))) or tuple(checks)
        if not self.rows:
            return (self.progress,) if self.progress else ()
        nok = self.nok["version"]
        version = f"{nok} NOK" if nok else "all OK"
        return (f"version: {version} in {len(self.rows)} rows so far, the slowest in {self.slowest:.0f} ms",)

    def snapshot(self, since: int = 0) -> dict[str, Any]:
        """Return the whole run for JSON, with the rows from number `since` (from 0) on."""
        return {
            "run": self.began,
            "state": self.state,
            "phase": self.phase or "",
            "causes": [[cause.sentence, cause.evidence, cause.remedy] for cause in self.causes],
            "reasons": self.reasons,
            "table": table(self.figures),
            "marks": self.marks,
            "trigger": self.origin,
            "end": self.schedule and self.origin and self.schedule.end - self.origin,
            "slo": self.options and self.options.limits.version_slo,
            "healthy_slo": self.options and self.options.healthy_limit,
            "columns": NAMES,
            "since": since,
            "rows": self.figures[since:],
            "step_columns": names(STEP_COLUMNS),
            "steps": [cells(STEP_COLUMNS, step) for step in self.steps],
            "steps_are": "cycles" if self.options and self.options.load.cycles else "ramp",
        }

    def _begin(self, _began: RunBegan, at: float) -> None:
        self._forget(at)
        self.phase = Phase.PREFLIGHT

    def _enter(self, began: PhaseBegan, **_: Any) -> None:
        self.phase, self.progress = began.phase, ""

    def _look(self, found: Found, **_: Any) -> None:
        self.options = found.options
        self.broker_version = found.version or found.problems.get("broker", "")
        self.libraries = found.libraries
        self.checks = checks(found)

    def _hold(self, hold: HoldBegan, **_: Any) -> None:
        self.subscriptions = hold.subscriptions

    def _plan(self, schedule: Schedule, **_: Any) -> None:
        self.schedule = schedule

    def _progress(self, said: Said, **_: Any) -> None:
        self.progress = said.text

    def _row(self, row: Row, **_: Any) -> None:
        if self.origin is None:
            self.origin = row.second - row.since_trigger
        self.rows.append(row)
        self.figures.append(figures(row, self.origin))
        self.marks.setdefault(self._mark(row), row.second - self.origin)
        for column in _ANSWERS:
            self.nok[column.name] += column.value(row) == "NOK"
        if row.version is not None:
            self.slowest = max(self.slowest, row.version.latency or 0)

    def _mark(self, row: Row) -> str:
        """Return what began with a row, if it is the first one of it: a phase, or a step with all its phases."""
        if self.options is None or not self.options.stepped:
            return row.phase
        cycles = self.options.load.cycles
        if not cycles:
            return str(self.subscriptions)
        return f"cycle {row.step}" if row.step <= cycles else Phase.REST  # after the last one

    def _step(self, step: Step, **_: Any) -> None:
        self.steps.append(step)

    def _idle(self, clients: IdleClients, **_: Any) -> None:
        if self.schedule is not None and self.options is not None and not self.options.stepped:
            self.marks.setdefault("idle clients", round(clients.at - self.schedule.trigger))

    def _take_evidence(self, evidence: Evidence, **_: Any) -> None:
        self.evidence = evidence.text

    def _judge(self, verdict: Verdict, **_: Any) -> None:
        self.verdict = verdict
