"""Joins the probes' records by second into rows. A missing value stays None, never 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from scenario.run.phase import Phase
from scenario.run.results import Row
from scenario.run.samples import (
    ClientSample,
    ConnectionSample,
    DatabaseSample,
    HealthySample,
    ListenerSample,
    QueueSample,
    Sample,
    VersionSample,
)
from scenario.run.schedule import Schedule
from scenario.settings.options import Options

_S = TypeVar(
    "_S", VersionSample, QueueSample, ConnectionSample, ListenerSample, ClientSample, HealthySample, DatabaseSample
)
PATIENCE = 6.0  # s that a row waits for records; longer than the sum of a probe's limits


class Timeline:
    """Rows in the order of their seconds. Each goes to `emit` once, when it is complete or its time is over."""

    def __init__(self, options: Options, schedule: Schedule, emit: Callable[[Row, float], None], step: int = 1) -> None:
        self.rows: list[Row] = []
        self.update_answered: float | None = None  # s since the epoch; ends the phase "trigger"
        self.schedule, self._emit, self._step = schedule, emit, step
        self._expected: set[type[Sample]] = {VersionSample, ListenerSample}
        if options.probes.queue_size:
            self._expected.add(QueueSample)
        if options.probes.connection_info:
            self._expected.add(ConnectionSample)
        if options.probes.client:
            self._expected.add(ClientSample)
        if options.probes.healthy:
            self._expected.add(HealthySample)
        if options.probes.pings:
            self._expected.add(DatabaseSample)
        self._next = schedule.start
        self._waiting: dict[int, dict[type[Sample], Sample]] = {}

    def add(self, sample: Sample, now: float) -> None:
        """Take a probe's record. A record that arrives after its row was emitted is dropped."""
        if self._next <= sample.second <= self.schedule.end:
            self._waiting.setdefault(sample.second, {})[type(sample)] = sample
            self.advance(now)

    def advance(self, now: float) -> None:
        """Emit the complete rows, and those that have waited long enough at `now` (s since the epoch)."""
        while self._next <= self.schedule.end:
            samples = self._waiting.get(self._next, {})
            if not samples.keys() >= self._expected and now < self._next + PATIENCE:
                return
            self._hand_out(samples, now)

    def flush(self, now: float) -> None:
        """Emit all rows, complete or not."""
        while self._waiting:
            self._hand_out(self._waiting.get(self._next, {}), now)

    @property
    def complete(self) -> bool:
        """Whether the last row was emitted."""
        return self._next > self.schedule.end

    def _hand_out(self, samples: dict[type[Sample], Sample], now: float) -> None:
        second, self._next = self._next, self._next + 1
        self._waiting.pop(second, None)
        if not samples:
            return  # nothing was measured: there is no row, and the verdict counts it as missing
        row = Row(
            second,
            second - self.schedule.trigger,
            self._phase(second),
            version=_of(VersionSample, samples),
            queue=_of(QueueSample, samples),
            connections=_of(ConnectionSample, samples),
            listener=_of(ListenerSample, samples),
            client=_of(ClientSample, samples),
            healthy=_of(HealthySample, samples),
            step=self._step,
            database=_of(DatabaseSample, samples),
        )
        self.rows.append(row)
        self._emit(row, now)

    def _phase(self, second: int) -> Phase:
        if second < self.schedule.trigger:
            return Phase.BASELINE
        return Phase.TRIGGER if self.update_answered is None or second <= self.update_answered else Phase.OBSERVE


def _of(kind: type[_S], samples: dict[type[Sample], Sample]) -> _S | None:
    sample = samples.get(kind)
    return sample if isinstance(sample, kind) else None
