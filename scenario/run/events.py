"""The scenario's events, and how the records of a worker reach the master.

Every hook is fired with `record=`, a record of scenario.records. A user class fires it in its own process; on a worker
the record goes to the master, where the same hook is fired again. So a listener on the master (or in a run of one
process) sees every record of the run once:

    from scenario import events

    @events.version_probed.add_listener
    def slow(record):
        if record.latency and record.latency > 500:
            print(record)
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from locust.env import Environment
from locust.event import EventHook
from locust.runners import MasterRunner, WorkerRunner

from scenario.run import records
from scenario.run.run import Run, Schedule

version_probed = EventHook()
queue_sampled = EventHook()
connections_sampled = EventHook()
listener_sampled = EventHook()
subscriptions_seeded = EventHook()
update_sent = EventHook()
idle_clients_reported = EventHook()

HOOKS: dict[type, EventHook] = {
    records.Probe: version_probed,
    records.QueueSample: queue_sampled,
    records.ConnectionSample: connections_sampled,
    records.ListenerSample: listener_sampled,
    records.Seeded: subscriptions_seeded,
    records.Update: update_sent,
    records.IdleClients: idle_clients_reported,
}

# On the master, or in a run of one process, only:
preflight_done = EventHook()  # fired with checks=list[Check]
run_started = EventHook()  # fired with run=Run
phase_entered = EventHook()  # fired with phase=str
progress_made = EventHook()  # fired with phase=str, text=str
row_completed = EventHook()  # fired with row=Row
evidence_taken = EventHook()  # fired with text=str, once per run, at its first NOK
step_judged = EventHook()  # fired with step=Step, in a ramp and in cycles
run_judged = EventHook()  # fired with verdict=Verdict

_RUN, _SCHEDULE, _RECORD = "connections_run", "connections_schedule", "connections_record"


class Link:
    """Joins the processes of a run: one Link in each."""

    def __init__(self, environment: Environment) -> None:
        self.run: Run | None = None
        assert environment.runner is not None
        self.runner = environment.runner
        if isinstance(self.runner, WorkerRunner):
            for kind, hook in HOOKS.items():
                hook.add_listener(partial(self._forward, kind.__name__))
            self.runner.register_message(_RUN, self._join)
            self.runner.register_message(_SCHEDULE, self._schedule)
        else:
            self.runner.register_message(_RECORD, self._receive)

    def announce(self, run: Run, quotas: list[range]) -> None:
        """Give the run, and each worker (or this process) its share of the seeding; arrives before any user starts."""
        self.run = run
        for worker, quota in zip(self.workers(), quotas, strict=True):
            if worker is None:
                run.quota = iter(quota)
            else:
                self.runner.send_message(_RUN, run.to_message(quota), worker)

    def schedule(self, schedule: Schedule) -> None:
        """Tell every process when the probes start, the update is due and the last row."""
        assert self.run is not None
        self.run.schedule = schedule
        for worker in self.workers():
            if worker is not None:
                self.runner.send_message(_SCHEDULE, {"run": self.run.id, "schedule": asdict(schedule)}, worker)

    def workers(self) -> list[str | None]:
        """Return the ids of the workers that can take users; [None] when this process runs them itself."""
        if not isinstance(self.runner, MasterRunner):
            return [None]
        clients = self.runner.clients
        return [node.id for node in clients.ready + clients.spawning + clients.running]

    def _forward(self, kind: str, record: object) -> None:
        if self.run is not None:
            message = {"run": self.run.id, "kind": kind, "record": vars(record)}
            self.runner.send_message(_RECORD, message)

    def _receive(self, msg: Any, **_: Any) -> None:
        if self.run is None or msg.data["run"] != self.run.id:
            return  # a straggler of an earlier run
        kind = getattr(records, msg.data["kind"])
        HOOKS[kind].fire(record=kind(**msg.data["record"]))

    def _join(self, msg: Any, **_: Any) -> None:
        self.run = Run.from_message(msg.data)

    def _schedule(self, msg: Any, **_: Any) -> None:
        if self.run is not None and msg.data["run"] == self.run.id:
            self.run.schedule = Schedule(**msg.data["schedule"])
