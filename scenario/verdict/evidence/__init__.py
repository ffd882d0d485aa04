"""The facts behind a verdict, by witness. Each is computed when a rule asks for it.

Each witness is a small record in the file of its name. None is "not measured", everywhere: a rule that needs such a
fact cannot tell.
"""

from __future__ import annotations

from scenario.verdict.evidence.clients import clients_of, suffering
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


class Evidence:
    """The facts of each witness of a hold."""

    def __init__(self, hold: Hold) -> None:
        self.hold = hold
        self.load = load = Load.of(hold)
        self.clients = self.version, self.update, self.query = clients_of(hold)
        self.suffering = suffering(*self.clients)  # seconds (s since the epoch) in which clients suffered
        self.healthy, self.held, self.process = Healthy(hold), Held(hold), Process(hold.rows)
        self.queue, self.listeners = Queue(hold, self.held, self.version), Listeners(hold, load)
        self.same_update = SameUpdate(hold, load, self.held, self.listeners, self.healthy)
        self.port = Port(hold, self.process, self.version)
        self.limits = ProcessLimits(hold, self.process, self.version)
        self.way = Way(hold, load, self.held, self.healthy, self.queue, self.listeners)
        self.database = Database(hold, *self.clients)
        self.host, self.tester = Host(hold.rows, self.process, self.suffering), Tester(hold.rows, self.suffering)
        self.started = Started(hold.found)
