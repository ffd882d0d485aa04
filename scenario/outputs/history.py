"""What is known of the run under way, or of the last one: the web UI's tab, the metrics and the report read it."""

from __future__ import annotations

import re
import time
from dataclasses import astuple
from typing import Any

import gevent

from scenario.outputs.series import COLUMNS, STEP_COLUMNS, cells, step_cells, table
from scenario.peers.broker import Broker, BrokerError
from scenario.run import events
from scenario.run.records import Check, IdleClients, Row, Step, Verdict
from scenario.run.run import Run
from scenario.settings.options import Options

READY, RUNNING = "READY", "RUNNING"  # the states beside the verdict's outcomes


def without_password(text: str) -> str:
    """Return the text with the credentials of its URLs blotted out."""
    return re.sub(r"://[^/@\s]*@", "://***@", text)


class History:
    """Listens to a run. The next run starts it anew, with its preflight."""

    def __init__(self) -> None:
        self._forget()
        events.phase_entered.add_listener(self._enter)
        events.preflight_done.add_listener(self._check)
        events.run_started.add_listener(self._start)
        events.progress_made.add_listener(self._progress)
        events.row_completed.add_listener(self._row)
        events.step_judged.add_listener(self._step)
        events.idle_clients_reported.add_listener(self._idle)
        events.evidence_taken.add_listener(self._take_evidence)
        events.run_judged.add_listener(self._judge)

    def _forget(self) -> None:
        self.began = time.time()  # s since the epoch; names the run, too
        self.phase = ""
        self.progress = ""
        self.run: Run | None = None
        self.options: Options | None = None  # None before the first run, and when it was refused
        self.origin: int | None = None  # the first update, s since the epoch
        self.steps: list[Step] = []
        self.rows: list[Row] = []
        self.figures: list[list[Any]] = []  # the rows' cells
        self.nok = 0  # rows whose GET /version failed
        self.slowest = 0.0  # ms
        self.marks: dict[str, int] = {}  # what began -> second
        self.verdict: Verdict | None = None
        self.evidence = ""  # taken at the first NOK
        self.broker_version = ""  # text of GET /version when the run started
        self.checks: list[Check] = []  # what the preflight found

    @property
    def host(self) -> str:
        """The broker's URL; empty as long as there are no options."""
        return without_password(self.options.host) if self.options else ""

    @property
    def state(self) -> str:
        """READY before the first run, RUNNING, then the verdict's outcome."""
        if self.verdict is not None:
            return self.verdict.outcome
        return RUNNING if self.phase else READY

    @property
    def reasons(self) -> tuple[str, ...]:
        """The verdict's reasons (of --preflight-only: what was found); before it, what is known so far."""
        if self.verdict is not None:
            checks = [f"{check.state}: {check.what}: {check.found}" for check in self.checks]
            told = (*self.verdict.reasons, *map(str, self.verdict.causes))
            return tuple(map(without_password, told or checks))
        if not self.rows:
            return (self.progress,) if self.progress else ()
        version = f"{self.nok} NOK" if self.nok else "all OK"
        return (f"version: {version} in {len(self.rows)} rows so far, the slowest in {self.slowest:.0f} ms",)

    def snapshot(self, since: int = 0) -> dict[str, Any]:
        """Return all that is shown of the run, with the rows from number `since` (from 0) on, as JSON can carry it."""
        schedule = self.run and self.run.schedule
        return {
            "run": self.began,
            "state": self.state,
            "phase": self.phase,
            "reasons": self.reasons,
            "table": table(self.figures),
            "marks": self.marks,
            "trigger": self.origin,
            "end": schedule and self.origin and schedule.end - self.origin,
            "slo": self.options and self.options.version_slo,
            "columns": COLUMNS,
            "since": since,
            "rows": self.figures[since:],
            "step_columns": STEP_COLUMNS,
            "steps": [step_cells(step) for step in self.steps],
            "steps_are": "cycles" if self.options and self.options.cycles else "ramp",
        }

    def _enter(self, phase: str, **_: Any) -> None:
        if phase == "preflight":
            self._forget()
        self.phase = phase

    def _check(self, checks: list[Check], **_: Any) -> None:
        self.checks = [Check(*map(without_password, astuple(check))) for check in checks]

    def _start(self, run: Run, **_: Any) -> None:
        self.run, self.options = run, run.options
        gevent.spawn(self._ask_version, Broker(run.options.host, run.options.service, run.options.service_path))

    def _ask_version(self, broker: Broker) -> None:
        began = self.began
        try:
            text = broker.version()
        except BrokerError as error:
            text = str(error)
        if self.began == began:
            self.broker_version = text

    def _progress(self, phase: str, text: str, **_: Any) -> None:
        self.progress = text

    def _row(self, row: Row, **_: Any) -> None:
        if self.origin is None:
            self.origin = row.second - row.since_trigger
        self.rows.append(row)
        self.figures.append(cells(row, self.origin))
        self.marks.setdefault(self._mark(row), row.second - self.origin)
        if row.version is not None:
            self.nok += bool(row.version.error)
            self.slowest = max(self.slowest, row.version.latency or 0)

    def _mark(self, row: Row) -> str:
        """Return what began with a row, if it is the first one of it: a phase, or a step with all its phases."""
        if self.run is None or not self.run.options.stepped:
            return row.phase
        return f"cycle {row.step}" if self.run.options.cycles else f"{self.run.options.subscriptions}"

    def _step(self, step: Step, **_: Any) -> None:
        self.steps.append(step)

    def _idle(self, record: IdleClients, **_: Any) -> None:
        if self.run is not None and self.run.schedule is not None and not self.run.options.stepped:
            self.marks.setdefault("idle clients", round(record.at - self.run.schedule.trigger))

    def _take_evidence(self, text: str, **_: Any) -> None:
        self.evidence = text

    def _judge(self, verdict: Verdict, **_: Any) -> None:
        self.verdict = verdict
