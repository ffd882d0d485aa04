"""The broker's database: the ordinary client's answers while GET /version was answered, and errors that name it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from scenario.peers.failures import Failure, Kind
from scenario.run.results import Row
from scenario.run.samples import DatabaseSample
from scenario.verdict.evidence.clients import SILENT, ClientAnswers
from scenario.verdict.evidence.counters import most
from scenario.verdict.hold import Hold
from scenario.verdict.thresholds import ASKED_FOR, SLOW_PING

GONE = frozenset({Kind.NO_DATABASE, Kind.NEVER_CONNECTED})


@dataclass(frozen=True)
class Database:
    """The database over the rows of a hold."""

    hold: Hold
    version: ClientAnswers
    update: ClientAnswers
    query: ClientAnswers

    @cached_property
    def asked(self) -> list[Row]:
        """The rows in which GET /version was right and the ordinary client asked."""
        return [answer.row for answer in self.version.answers if not answer.error and answer.row.client is not None]

    @cached_property
    def hanging(self) -> list[Row]:
        """The rows in which its update or query got no answer in time, although GET /version did."""
        well = [row for row in self.asked if self.version.ill.isdisjoint(range(row.second, row.second + ASKED_FOR))]
        waited = {answer.row.second for client in (self.update, self.query) for answer in client.failed(SILENT)}
        return [row for row in well if row.second in waited]

    @property
    def waited(self) -> set[int]:
        """Seconds (s since the epoch) in which the ordinary client waited too long, while GET /version did not."""
        answers = [a for client in (self.update, self.query) for a in (*client.slow, *client.failed(SILENT))]
        return {answer.row.second for answer in answers} - self.version.ill

    @property
    def pings(self) -> list[DatabaseSample]:
        """Samples of the pings; empty if it was not pinged."""
        return [row.database for row in self.hold.rows if row.database]

    @property
    def slow_ping(self) -> bool | None:
        """Whether a ping failed, or was slow, in a second in which the ordinary client waited, or in the next two."""
        near = {second + after for second in self.waited for after in range(3)}
        known = [ping for ping in self.pings if ping.second in near]
        return any(ping.error or (ping.latency or 0) > SLOW_PING for ping in known) if known else None

    @property
    def ping(self) -> float | None:
        """The slowest right answer to a ping, in ms."""
        return most(ping.latency for ping in self.pings if not ping.error)

    @property
    def away(self) -> tuple[int, int] | None:
        """The seconds since the update in which it was away, if it came back before the end."""
        bad = [a.second for client in (self.update, self.query) for a in client.failed({*GONE, Kind.NOT_STORED})]
        last = [client.answers[-1] for client in (self.update, self.query) if client.answers]
        return (min(bad), max(bad)) if bad and last and not any(answer.error for answer in last) else None

    @cached_property
    def trouble(self) -> Failure | None:
        """The first error of the broker or pymongo that names the database; otherwise that an entity was not stored."""
        progress, found = self.hold.progress, self.hold.found
        said = [Failure(kind, text) for text, kind in progress.kinds.items()]
        served = {row.second for row in self.asked}
        answers = [a for client in (self.update, self.query) for a in client.nok if a.row.second in served]
        answers.sort(key=lambda answer: answer.row.second)
        said += [Failure(answer.failure, answer.error) for answer in answers if answer.failure]
        problems = {name: kind for name, kind in found.kinds.items() if name in ("database", "client")}
        said += [Failure(kind, found.problems[name]) for name, kind in problems.items()]
        not_stored = (failure for failure in said if failure.kind == Kind.NOT_STORED)
        return next((failure for failure in said if failure.kind in GONE), next(not_stored, None))
