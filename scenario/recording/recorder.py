"""Collects a current or replayed run: takes its records one by one, makes rows, and has the run judged.

It is all that a verdict is drawn from: the same records, in the same order and at the same moments, come to the same
rows and the same verdict. One per master, only process, or replay.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from typing import Any

from scenario.recording.timeline import Timeline
from scenario.run import events
from scenario.run.found import Found
from scenario.run.phase import Phase
from scenario.run.progress import Progress
from scenario.run.records import (
    Accepted,
    HoldBegan,
    HoldEnded,
    Interrupted,
    PhaseBegan,
    Refused,
    RunBegan,
    RunEnded,
    Trouble,
    Unforeseen,
    Update,
)
from scenario.run.results import Criterion, Rest, Row, Step, Verdict
from scenario.run.samples import Sample
from scenario.run.schedule import Schedule
from scenario.verdict.criteria import judge_hold
from scenario.verdict.hold import Hold
from scenario.verdict.judge import judge
from scenario.verdict.outcomes import PREFLIGHT, PREFLIGHT_OK, concluded, endings, troubled, verdict_of


class Recorder:
    """Publishes a Row when a second is complete, a Step when a hold is judged, and the Verdict of a run.

    A problem that comes after the verdict, such as a full disk, changes it: it is published again.
    """

    def __init__(self) -> None:
        self.phase: Phase | None = None  # no run yet
        self._forget()
        events.on(object, self.take)

    def _forget(self) -> None:
        self.found: Found | None = None  # result of the preflight
        self.began = False
        self.unforeseen: list[Unforeseen] = []
        self.steps: list[Step] = []
        self.verdict: Verdict | None = None
        self.troubles: list[str] = []  # problems outside the broker
        self._begin_hold(0)

    def _begin_hold(self, subscriptions: int) -> None:
        """Forget the previous hold, before the next one."""
        self.subscriptions = subscriptions
        self.progress = Progress()
        for error in self.unforeseen:  # an unforeseen error counts for all later holds of the run
            self.progress = self.progress.after(error)
        self.timeline: Timeline | None = None
        self.last_sample = 0.0  # s since the epoch

    def take(self, record: Any, at: float) -> None:  # noqa: PLR0912 - a line per kind
        """Take a record that arrived `at` (s since the epoch, on the master's clock)."""
        if isinstance(record, Row | Step | Verdict):
            return  # published by this class
        self.advance(at)
        match record:
            case RunBegan():
                self._forget()
                self.phase = Phase.PREFLIGHT
            case PhaseBegan():
                self.phase = record.phase
            case Accepted():
                self.began = True
            case Found():
                self.found = record
            case Refused():
                self._refuse(record.problem, at)
            case HoldBegan():
                self._begin_hold(record.subscriptions)
            case Schedule():
                self._schedule(record)
            case _ if isinstance(record, Sample):
                self.last_sample = at
                if self.timeline is not None and self.verdict is None:
                    self.timeline.add(record, at)
            case Interrupted():
                self.progress = replace(self.progress, interrupted=self.phase or "")
            case HoldEnded():
                self._judge_step(at)
            case RunEnded():
                self._judge(at)
            case Trouble():
                self._trouble(record.text, at)
            case Unforeseen() if self.verdict is not None:
                self._trouble(self.progress.after(record).missing[-1], at)
            case _:
                self.progress = self.progress.after(record)
                if isinstance(record, Unforeseen):
                    self.unforeseen.append(record)
        if isinstance(record, Update) and self.timeline is not None:
            self.timeline.update_answered = record.answered

    @property
    def under_way(self) -> bool:
        """Whether a run has begun and is not judged yet."""
        return self.phase is not None and self.verdict is None

    @property
    def complete(self) -> bool:
        """Whether the last row of the current hold was published."""
        return self.timeline is not None and self.timeline.complete

    def advance(self, now: float) -> None:
        """Publish the rows that have waited long enough at `now` (s since the epoch)."""
        if self.timeline is not None:
            self.timeline.advance(now)

    @property
    def rows(self) -> list[Row]:
        """The rows of the current hold."""
        return self.timeline.rows if self.timeline is not None else []

    def _schedule(self, schedule: Schedule) -> None:
        step = len(self.steps) + 1
        self.timeline = Timeline(self.hold.options, schedule, events.fire, step)
        self.last_sample = schedule.start  # silence is counted from here

    @property
    def hold(self) -> Hold:
        """The current hold so far."""
        assert self.found is not None
        options = self.found.options.changed(subscriptions=self.subscriptions)
        schedule = self.timeline.schedule if self.timeline is not None else None
        return Hold(options, self.progress, schedule, self.rows, self.found)

    def _rest(self) -> Rest:
        """Return the broker at rest: the medians of the rows before the update."""
        before = [(row.sum, row.connections) for row in self.hold.at_rest if row.connections]
        figures = [(total, sample.fds, sample.threads, sample.rss) for total, sample in before]
        columns = [[value for value in column if value is not None] for column in zip(*figures, strict=True)]
        return Rest(*(round(median(column)) if column else None for column in columns))

    def _refuse(self, problem: str, at: float) -> None:
        outcome = PREFLIGHT if problem else PREFLIGHT_OK
        self._conclude(concluded(outcome, [Criterion("", outcome, line) for line in problem.splitlines()]), at)

    def _judge_step(self, at: float) -> None:
        """Judge the hold since HoldBegan, and add it to the steps."""
        self._flush(at)
        hold = self.hold
        verdict = judge_hold(hold)
        held, rows, nok = (verdict.figures[name] for name in ("held", "version_rows", "version_nok"))
        step = Step(
            number=len(self.steps) + 1,
            subscriptions=hold.options.load.subscriptions,
            held=None if held is None else round(held),
            rows=round(rows or 0),
            nok=round(nok or 0),
            rest=self._rest(),
            verdict=verdict,
            updates=hold.options.load.updates,
        )
        self.steps.append(step)
        events.fire(step, at)

    def _judge(self, at: float) -> None:
        if self.verdict is not None:
            return
        self._flush(at)
        if not self.began or self.found is None:
            self._conclude(verdict_of(endings(self.progress), bool(self.progress.interrupted)), at)
        else:
            hold = replace(self.hold, options=self.found.options)
            self._conclude(judge(hold, self.steps, self._rest()), at)

    def _trouble(self, text: str, at: float) -> None:
        """Record a problem outside the broker. An output may fail even at the verdict."""
        if text not in self.troubles:
            self.troubles.append(text)
            if self.verdict is not None:
                self._conclude(self.verdict, at)

    def _flush(self, at: float) -> None:
        if self.timeline is not None:
            self.timeline.flush(at)

    def _conclude(self, verdict: Verdict, at: float) -> None:
        """Publish the verdict. With problems it is not PASS."""
        self.verdict = troubled(verdict, self.troubles)
        events.fire(self.verdict, at)
