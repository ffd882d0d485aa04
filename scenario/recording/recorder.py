"""Keeps the run that is under way, next to the shape: its records, rows and verdict. One per master or only process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from locust.env import Environment

from scenario.preflight.checks import Found
from scenario.recording.timeline import Timeline
from scenario.run import events
from scenario.run.progress import Progress
from scenario.run.records import IdleClients, Rest, Sample, Seeded, Step, Update, Verdict
from scenario.run.run import Run, Schedule
from scenario.verdict.held import Judged, held_per_row
from scenario.verdict.judge import EXIT_CODES, INCONCLUSIVE, PREFLIGHT, PREFLIGHT_OK, judge


class Recorder:
    """Listens to the events of a run and, at its end, whichever way it comes, has it judged once."""

    def __init__(self, environment: Environment, link: events.Link) -> None:
        self.environment, self.link = environment, link
        self.reset()
        self.phase = ""  # no run yet
        for hook in (
            events.version_probed, events.queue_sampled, events.connections_sampled, events.listener_sampled
        ):  # fmt: skip
            hook.add_listener(self._take_sample)
        events.subscriptions_seeded.add_listener(self._take_seeded)
        events.update_sent.add_listener(self._take_update)
        events.idle_clients_reported.add_listener(self._take_idle)
        environment.events.test_stop.add_listener(self.interrupt)
        environment.events.quitting.add_listener(self.interrupt)

    def reset(self) -> None:
        """Forget the run before; the next one has begun."""
        self.phase = "preflight"
        self.run: Run | None = None
        self.found: Found | None = None
        self.steps: list[Step] = []
        self.judge: Callable[[Judged, Sequence[Step]], Verdict] = lambda run, _: judge(run)
        self.next_step()
        self.verdict: Verdict | None = None
        self.last_record = time.monotonic()
        self.environment.process_exit_code = None

    def next_step(self) -> None:
        """Forget what was held before; the connections are to be held again."""
        self.progress = Progress()
        self.timeline: Timeline | None = None

    def begin(self, run: Run) -> None:
        """Take up a run whose options are known."""
        self.run = run
        events.run_started.fire(run=run)

    def enter(self, phase: str) -> None:
        """Note the phase that the run is in."""
        self.phase = phase
        events.phase_entered.fire(phase=phase)

    def schedule(self, schedule: Schedule) -> Timeline:
        """Fix the seconds of the run, everywhere, and start its timeline."""
        assert self.run is not None
        step = len(self.steps) + 1
        self.timeline = Timeline(self.run.options, schedule, lambda row: events.row_completed.fire(row=row), step)
        self.last_record = time.monotonic() + schedule.start - self.run.clock.now()  # silence counts from the start
        self.link.schedule(schedule)
        return self.timeline

    def refuse(self, problem: str) -> None:
        """End a run that may not start; without a problem, one that was not meant to."""
        outcome = PREFLIGHT if problem else PREFLIGHT_OK
        self._conclude(Verdict(outcome, tuple(problem.splitlines()), EXIT_CODES[outcome]))

    def interrupt(self, **_: Any) -> None:
        """Judge the run as interrupted, unless it was judged already."""
        if self.phase and self.verdict is None:
            self.progress.interrupted = self.phase
            self.conclude()

    def conclude(self) -> None:
        """Hand out the last rows, and judge."""
        if self.run is None:
            self._conclude(Verdict(INCONCLUSIVE, (f"interrupted in phase {self.phase}",), EXIT_CODES[INCONCLUSIVE]))
            return
        self._conclude(self.judge(self._judged(self.run), self.steps))

    def judge_step(self) -> None:
        """Judge what was held since `next_step`, and add it to the steps."""
        assert self.run is not None
        judged = self._judged(self.run)
        after = [row.version for row in judged.rows if row.since_trigger >= 0 and row.version]
        latencies = [probe.latency for probe in after if not probe.error and probe.latency is not None]
        step = Step(
            number=len(self.steps) + 1,
            subscriptions=judged.options.subscriptions,
            held=max((held for held, _ in held_per_row(judged)), default=None),
            rows=len(after),
            nok=sum(bool(probe.error) for probe in after),
            latency_median=median(latencies) if latencies else None,
            latency_max=max(latencies, default=None),
            rest=self.rest(),
            verdict=judge(judged),
        )
        self.steps.append(step)
        events.step_judged.fire(step=step)

    def rest(self) -> Rest:
        """Return the broker at rest: the medians of the rows before the update."""
        rows = self.timeline.rows if self.timeline else []
        before = [(row.sum, row.connections) for row in rows if row.since_trigger < 0 and row.connections]
        figures = [(total, sample.fds, sample.threads, sample.rss) for total, sample in before]
        columns = [[value for value in column if value is not None] for column in zip(*figures, strict=True)]
        return Rest(*(round(median(column)) if column else None for column in columns))

    def _judged(self, run: Run) -> Judged:
        if self.timeline is not None:
            self.timeline.flush()
        schedule = run.schedule if self.timeline is not None else None
        rows = self.timeline.rows if self.timeline is not None else []
        return Judged(run.options, self.progress, schedule, rows, self.found)

    def _conclude(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.environment.process_exit_code = verdict.exit_code
        events.run_judged.fire(verdict=verdict)

    def _take_sample(self, record: Sample) -> None:
        self.last_record = time.monotonic()
        if self.timeline is not None and self.verdict is None:
            self.timeline.add(record)

    def _take_seeded(self, record: Seeded) -> None:
        self.last_record = time.monotonic()
        self.progress.created += record.created
        self.progress.refused += record.refused
        self.progress.refusal = self.progress.refusal or record.error

    def _take_update(self, record: Update) -> None:
        self.progress.update = record
        if self.timeline is not None:
            self.timeline.update_answered = record.at + record.latency / 1000

    def _take_idle(self, record: IdleClients) -> None:
        self.progress.idle = record
