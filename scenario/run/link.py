"""Connects the processes of a run. Each process has a Link, which publishes its records."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

import msgspec

from scenario.run import events
from scenario.run.records import KINDS_OF_WORKERS, Unforeseen
from scenario.run.run import Run
from scenario.run.schedule import Clock, Schedule
from scenario.settings.options import Options
from scenario.settings.secrets import shown

_RUN, _SCHEDULE, _RECORD = "connections_run", "connections_schedule", "connections_record"


class _Message(msgspec.Struct, frozen=True):
    run: str
    kind: str
    record: dict[str, Any]


class Link:
    """What this process knows about the run: `schedule` (from the baseline on), and which subscriptions to create."""

    def __init__(self, environment: Environment) -> None:
        assert environment.runner is not None
        self.runner = environment.runner
        self.run: Run | None = None
        self.schedule: Schedule | None = None
        self.quota: Iterator[int] = iter(())
        self.heard_by: list[object] = []  # listeners of the master or the only process
        self._is_worker = isinstance(self.runner, WorkerRunner)
        if self._is_worker:
            assert environment.parsed_options is not None
            self._own = Options.own_of(environment.parsed_options)  # before the master's options replace them
            self.runner.register_message(_RUN, self._join)
            self.runner.register_message(_SCHEDULE, self._take_schedule)
        else:
            self.runner.register_message(_RECORD, self._receive)
        environment.events.user_error.add_listener(self._unforeseen)

    def begin(self, run: Run | None) -> None:
        """Set the current run, on the master or in the only process; None: no run."""
        self.run, self.schedule, self.quota = run, None, iter(())

    def publish(self, record: Any) -> None:
        """Publish the record here; a worker sends it to its master."""
        if not self._is_worker:
            events.fire(record, self.run.clock.now() if self.run else time.time())
        elif self.run is not None:
            message = {"run": self.run.id, "kind": type(record).__name__, "record": msgspec.to_builtins(shown(record))}
            self.runner.send_message(_RECORD, message)

    def announce(self, quotas: list[range]) -> None:
        """Give each worker (or this process) the run and its share of the subscriptions, before any user starts."""
        assert self.run is not None
        for worker, quota in zip(self.workers(), quotas, strict=True):
            if worker is None:
                self.quota = iter(quota)
            else:
                options, now = self.run.options.to_message(), self.run.clock.now()
                message = {"run": self.run.id, "options": options, "now": now, "quota": [quota.start, quota.stop]}
                self.runner.send_message(_RUN, message, worker)

    def plan(self, schedule: Schedule) -> None:
        """Tell every process when the probes start, when the update is due, and when the last row ends."""
        assert self.run is not None
        self.schedule = schedule
        for worker in self.workers():
            if worker is not None:
                self.runner.send_message(_SCHEDULE, {"run": self.run.id, "schedule": asdict(schedule)}, worker)
        self.publish(schedule)

    def workers(self) -> list[str | None]:
        """Return the ids of the workers that can run users; [None] if this process runs them itself."""
        if not isinstance(self.runner, MasterRunner):
            return [None]
        clients = self.runner.clients
        return [node.id for node in clients.ready + clients.spawning + clients.running]

    def _receive(self, msg: Any, **_: Any) -> None:
        if self.run is None:
            return
        try:
            message = msgspec.convert(msg.data, _Message)
            if message.run != self.run.id:
                return  # a late message of an earlier run
            record: object = msgspec.convert(message.record, KINDS_OF_WORKERS[message.kind])
        except (KeyError, msgspec.ValidationError) as error:
            record = Unforeseen("a worker's message", repr(error))
        self.publish(record)

    def _join(self, msg: Any, **_: Any) -> None:
        message = msg.data
        options = Options.from_message(message["options"], self._own)
        self.begin(Run(options, Clock.showing(message["now"]), message["run"]))
        self.quota = iter(range(*message["quota"]))

    def _take_schedule(self, msg: Any, **_: Any) -> None:
        if self.run is not None and msg.data["run"] == self.run.id:
            self.schedule = Schedule(**msg.data["schedule"])

    def _unforeseen(self, user_instance: Any, exception: BaseException, **_: Any) -> None:
        self.publish(Unforeseen(type(user_instance).__name__, repr(exception)))


def shares(total: int, parts: int) -> list[range]:
    """Split range(total) into `parts` ranges whose sizes differ by at most one."""
    return [range(total * part // parts, total * (part + 1) // parts) for part in range(parts)]
