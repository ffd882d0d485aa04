"""The answers to the broker's clients: GET /version, and the ordinary client's updates and queries."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cached_property

from scenario.peers.failures import Kind
from scenario.run.results import Row
from scenario.run.tries import Tries
from scenario.verdict.hold import Hold
from scenario.verdict.thresholds import MOST

CLOSED = frozenset({Kind.CLOSED, Kind.RESET})  # a connection that was accepted, and closed
SILENT = frozenset({Kind.NO_ANSWER, Kind.NO_CONNECTION})


@dataclass(frozen=True)
class Answer:
    """The answer to a client in a row: latency in ms and error; with --rate all answers of the second."""

    row: Row
    latency: float
    failure: Kind | None
    error: str
    tries: Tries | None = None

    @property
    def right(self) -> Sequence[float]:
        """Latencies of the right answers, several with --rate."""
        return self.tries.right if self.tries else () if self.error else (self.latency,)

    @property
    def second(self) -> int:
        """Seconds since the update."""
        return self.row.since_trigger


@dataclass(frozen=True)
class ClientAnswers:
    """All answers to one client, in the order of the rows; empty if it sent nothing. `slo` in ms."""

    name: str
    answers: Sequence[Answer]
    slo: float

    @cached_property
    def since_update(self) -> list[Answer]:
        """The answers from the update on."""
        return [answer for answer in self.answers if answer.second >= 0]

    @cached_property
    def nok(self) -> list[Answer]:
        """The answers that were not right."""
        return [answer for answer in self.answers if answer.error]

    @cached_property
    def slow(self) -> list[Answer]:
        """The right answers that took longer than the SLO."""
        return [answer for answer in self.answers if not answer.error and answer.latency > self.slo]

    @cached_property
    def ill(self) -> set[int]:
        """The seconds (s since the epoch) in which it was not answered rightly within the SLO."""
        return {answer.row.second for answer in (*self.nok, *self.slow)}

    @property
    def slowest(self) -> float:
        """The slowest right answer in ms; 0 without any."""
        return max((answer.latency for answer in self.answers if not answer.error), default=0.0)

    def failed(self, kinds: Container[Kind]) -> list[Answer]:
        """Return the answers that failed in one of these ways."""
        return [answer for answer in self.nok if answer.failure in kinds]

    @cached_property
    def closed(self) -> list[Answer]:
        """The answers whose connection was accepted and closed, if they are most of the NOK ones.

        A process that was seen to be stopped closes none: its rows do not count.
        """
        return _most([answer for answer in self.nok if not stopped(answer.row)], CLOSED)

    @cached_property
    def silent(self) -> list[Answer]:
        """The requests without an answer in time, if they are most of the NOK ones, or the process was stopped then.

        If it was stopped, a gateway's answer does not come from the broker.
        """
        met = [answer for answer in self.nok if stopped(answer.row) and answer.failure in (*SILENT, Kind.GATEWAY)]
        return met if any(a.failure == Kind.GATEWAY for a in met) else _most(self.nok, SILENT) or met

    @property
    def answered_again(self) -> bool:
        """Whether the last answer was right."""
        return bool(self.answers) and not self.answers[-1].error


def clients_of(hold: Hold) -> tuple[ClientAnswers, ClientAnswers, ClientAnswers]:
    """Return version, update and query."""
    slo = hold.options.limits.version_slo
    versions = [(row, row.version) for row in hold.rows if row.version]
    rows = [(row, row.client) for row in hold.rows if row.client]
    return (
        ClientAnswers(
            "version", [Answer(row, v.latency or 0, v.failure, v.error, v.tries) for row, v in versions], slo
        ),
        ClientAnswers(
            "update",
            [Answer(row, c.update_latency or 0, c.update_failure, c.update_error, c.update_tries) for row, c in rows],
            slo,
        ),
        ClientAnswers(
            "query",
            [Answer(row, c.query_latency or 0, c.query_failure, c.query_error, c.query_tries) for row, c in rows],
            slo,
        ),
    )


def suffering(version: ClientAnswers, *others: ClientAnswers) -> frozenset[int]:
    """Return the seconds in which GET /version failed or was slow; if it never did, those of the other clients."""
    asked = {answer.row.second for answer in version.answers}
    return frozenset(version.ill or {second for client in others for second in client.ill & asked})


def stopped(row: Row) -> bool:
    """Whether the broker's process was seen to be stopped (T)."""
    return row.connections is not None and row.connections.state.startswith("T")


def _most(answers: Sequence[Answer], kinds: Container[Kind]) -> list[Answer]:
    found = [answer for answer in answers if answer.failure in kinds]
    return found if len(found) > MOST * len(answers) else []
