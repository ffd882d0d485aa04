"""The facts behind a verdict, by witness. Each is computed when a rule asks for it.

Each witness is a small record in the file of its name. None is "not measured", everywhere: a rule that needs such a
fact cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass

from scenario.verdict.evidence.clients import ClientAnswers, clients_of, suffering
from scenario.verdict.evidence.database import Database
from scenario.verdict.evidence.healthy import Healthy
from scenario.verdict.evidence.held import Held
from scenario.verdict.evidence.host import Host
from scenario.verdict.evidence.listeners import Listeners
from scenario.verdict.evidence.load import Load
from scenario.verdict.evidence.port import Port
from scenario.verdict.evidence.process import Process
from scenario.verdict.evidence.process_limits import ProcessLimits
from scenario.verdict.evidence.queue import Queue
from scenario.verdict.evidence.same_update import SameUpdate
from scenario.verdict.evidence.started import Started
from scenario.verdict.evidence.tester import Tester
from scenario.verdict.evidence.way import Way
from scenario.verdict.hold import Hold


@dataclass(frozen=True)
class Evidence:
    """The facts of each witness. `suffering` are the seconds (s since the epoch) in which clients suffered."""

    hold: Hold
    load: Load
    version: ClientAnswers
    update: ClientAnswers
    query: ClientAnswers
    suffering: frozenset[int]
    healthy: Healthy
    held: Held
    same_update: SameUpdate
    process: Process
    port: Port
    limits: ProcessLimits
    queue: Queue
    listeners: Listeners
    way: Way
    database: Database
    host: Host
    tester: Tester
    started: Started

    @property
    def clients(self) -> tuple[ClientAnswers, ClientAnswers, ClientAnswers]:
        """Version, update and query."""
        return self.version, self.update, self.query

    @classmethod
    def of(cls, hold: Hold) -> Evidence:
        """Return the evidence of a hold."""
        load, healthy, held, process = Load.of(hold), Healthy(hold), Held(hold), Process(hold.rows)
        clients = version, update, _ = clients_of(hold)
        suffered = suffering(*clients)
        queue, listeners = Queue(hold, held, version), Listeners(hold, load)
        return cls(
            hold,
            load,
            *clients,
            suffered,
            healthy,
            held,
            SameUpdate(hold, load, held, listeners, healthy, update),
            process,
            Port(hold, process, version),
            ProcessLimits(hold, process, version),
            queue,
            listeners,
            Way(hold, load, held, healthy, queue, listeners),
            Database(hold, *clients),
            Host(hold.rows, process, suffered),
            Tester(hold.rows, suffered),
            Started(hold.found),
        )
