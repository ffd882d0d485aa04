"""Results made from a run's records: rows, steps, the verdict and its causes. All are frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from scenario.run.samples import (
    ClientSample,
    ConnectionSample,
    DatabaseSample,
    HealthySample,
    ListenerSample,
    QueueSample,
    VersionSample,
)


@dataclass(frozen=True)
class Row:
    """One second of the run, with the samples of all probes."""

    second: int
    since_trigger: int
    phase: str
    version: VersionSample | None
    queue: QueueSample | None
    connections: ConnectionSample | None
    listener: ListenerSample | None
    client: ClientSample | None = None
    healthy: HealthySample | None = None
    step: int = 1  # number of the step or cycle
    database: DatabaseSample | None = None

    @property
    def at(self) -> float:
        """Time of the row's first probe, s since the epoch."""
        samples = (self.version, self.queue, self.connections, self.listener, self.client)
        return min((sample.at for sample in samples if sample), default=float(self.second))

    @property
    def time(self) -> str:
        """`at` as ISO 8601, UTC, in ms."""
        return datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @property
    def version_ok(self) -> bool:
        """Whether GET /version got a right answer."""
        return self.version is not None and not self.version.error

    @property
    def nok(self) -> bool:
        """Whether GET /version, the update or the query got no right answer."""
        errors = self.version and self.version.error, self.client and self.client.update_error + self.client.query_error
        return any(errors)

    @property
    def established(self) -> int | None:
        """ESTABLISHED connections of the broker."""
        return None if self.connections is None else self.connections.established

    @property
    def sum(self) -> int | None:
        """ESTABLISHED and CLOSE_WAIT connections of the broker."""
        if self.connections is None or self.established is None or self.connections.close_wait is None:
            return None
        return self.established + self.connections.close_wait


OK, WARNING, ERROR = "ok", "warning", "error"  # states of a check


@dataclass(frozen=True)
class Check:
    """One line of the preflight: `state` is ok, warning or error; `remedy` is empty when it is ok."""

    what: str
    state: str
    found: str
    needed: str = ""
    remedy: str = ""

    @classmethod
    def judged(  # noqa: PLR0917 - a line of the table, column by column
        cls, what: str, holds: bool, found: object, needed: object, remedy: str, state: str = ERROR
    ) -> Check:
        """Return a line that is OK if `holds`, otherwise in `state`."""
        return cls(what, OK if holds else state, str(found), str(needed), "" if holds else remedy)

    @property
    def finding(self) -> str:
        """What was found and, if that is not enough, what is needed and how to get it."""
        return f"{self.found}; needed: {self.needed}; {self.remedy}" if self.remedy else self.found


@dataclass(frozen=True)
class Diagnosis:
    """A cause of a verdict that is not PASS: what it is, the figures that show it, and the remedy."""

    cause: str
    sentence: str
    evidence: str
    remedy: str

    def __str__(self) -> str:
        return f"cause: {self.sentence} ({self.evidence}); {self.remedy}"


@dataclass(frozen=True)
class Criterion:
    """One criterion: its name, which is the same in each run; PASS, FAIL or INCONCLUSIVE; and why.

    A name "" means the whole run. With `limit` it is a --limit, and the name is its expression.
    """

    name: str
    outcome: str
    text: str
    limit: bool = False

    @property
    def title(self) -> str:
        """The displayed name, such as "version" or "limit: held >= 5000 notifications"."""
        if self.limit:
            return f"limit: {self.name}"
        return self.name or ("preflight" if self.outcome == "PREFLIGHT FAILED" else "run")

    def __str__(self) -> str:
        return f"{self.title}: {self.text}" if self.name else self.text


@dataclass(frozen=True)
class Verdict:
    """PASS, FAIL or INCONCLUSIVE, with its reasons and the process's exit code.

    `criteria` are the reasons, each with its own outcome. `figures` has what the hold came to, by the names of
    scenario.verdict.measures; none: a ramp's, or cycles', whose steps have theirs.
    """

    outcome: str
    reasons: tuple[str, ...]
    exit_code: int
    causes: tuple[Diagnosis, ...] = ()
    criteria: tuple[Criterion, ...] = ()
    figures: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Rest:
    """The broker at rest before an update: connections in both states, descriptors, threads, RSS in bytes."""

    connections: int | None = None
    fds: int | None = None
    threads: int | None = None
    rss: int | None = None


def times(subscriptions: int, updates: int) -> str:
    """Return "200", or with several updates at once "200 x 3"."""
    return f"{subscriptions} x {updates}" if updates > 1 else str(subscriptions)


@dataclass(frozen=True)
class Step:
    """One step of a ramp, or one cycle: what was held, and how GET /version was answered since the update.

    The verdict's figures have the latencies.
    """

    number: int
    subscriptions: int
    held: int | None
    rows: int
    nok: int
    rest: Rest
    verdict: Verdict
    updates: int = 1

    @property
    def wanted(self) -> int:
        """Notifications that were to be held."""
        return self.subscriptions * self.updates

    @property
    def load(self) -> str:
        """What was to be held: "200", or with several updates at once "200 x 3"."""
        return times(self.subscriptions, self.updates)

    def __str__(self) -> str:
        held = "held connections not measured" if self.held is None else f"{self.held} of {self.wanted} held"
        answers = f"{self.nok} of {self.rows} rows NOK"
        for figure, what in (("version_max", "answer"), ("healthy_max", "healthy notification")):
            if (slowest := self.verdict.figures.get(figure)) is not None:
                answers += f", the slowest {what} in {slowest:.0f} ms"
        return f"{self.number}: {self.verdict.outcome}, {held}, {answers}"
