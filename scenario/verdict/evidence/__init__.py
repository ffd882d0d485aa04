"""The facts behind a verdict, by witness. They are computed once per hold, before anything is judged.

Each witness is a small record in the file of its name. None is "not measured", everywhere: a rule that needs such a
fact cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass

from scenario.verdict.evidence.clients import Client, clients_of, suffering
from scenario.verdict.evidence.database import Database
from scenario.verdict.evidence.healthy import Healthy
from scenario.verdict.evidence.held import Held
from scenario.verdict.evidence.host import Host
from scenario.verdict.evidence.limits import Limits
from scenario.verdict.evidence.listeners import Listeners
from scenario.verdict.evidence.load import Load
from scenario.verdict.evidence.port import Port
from scenario.verdict.evidence.process import Process
from scenario.verdict.evidence.queue import Queue
from scenario.verdict.evidence.same import Same
from scenario.verdict.evidence.started import Started
from scenario.verdict.evidence.tester import Tester
from scenario.verdict.evidence.way import Way
from scenario.verdict.hold import Hold


@dataclass(frozen=True)
class Evidence:
    """The facts of each witness. `suffering` are the seconds (s since the epoch) in which clients suffered."""

    hold: Hold
    load: Load
    version: Client
    update: Client
    query: Client
    suffering: frozenset[int]
    healthy: Healthy
    held: Held
    same: Same
    process: Process
    port: Port
    limits: Limits
    queue: Queue
    listeners: Listeners
    way: Way
    database: Database
    host: Host
    tester: Tester
    started: Started

    @property
    def clients(self) -> tuple[Client, Client, Client]:
        """Version, update and query."""
        return self.version, self.update, self.query


def evidence_of(hold: Hold) -> Evidence:
    """Return the evidence of a hold."""
    load, held, process = Load.of(hold), Held(hold), Process(hold.rows)
    version, update, query = clients_of(hold)
    ill = suffering(version, update, query)
    healthy = Healthy(hold)
    queue, listeners = Queue(hold, held, version), Listeners(hold, load)
    return Evidence(
        hold=hold,
        load=load,
        version=version,
        update=update,
        query=query,
        suffering=ill,
        healthy=healthy,
        held=held,
        same=Same(hold, load, held, listeners, healthy),
        process=process,
        port=Port(hold, process, version),
        limits=Limits(hold, process, version),
        queue=queue,
        listeners=listeners,
        way=Way(hold, load, held, healthy, queue, listeners),
        database=Database(hold, version, update, query),
        host=Host(hold.rows, process, ill),
        tester=Tester(hold.rows, ill),
        started=Started(hold.found),
    )
