"""The frozen records that travel: from the probes to the timeline, from the timeline to the outputs.

`second` is the whole second (s since the epoch, on the master's clock) that a record belongs to; `at` is when it was
really taken. None means not measured, never 0. `error` is empty when the measurement succeeded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Probe:
    """One GET /version over a new TCP connection; latency in ms."""

    second: int
    at: float
    latency: float | None = None
    error: str = ""


@dataclass(frozen=True)
class QueueSample:
    """The broker's notifQueue; the counters run since the broker's start."""

    second: int
    at: float
    size: int | None = None
    backlog: int | None = None
    sent_ok: int | None = None
    sent_error: int | None = None
    rejected: int | None = None
    entered: int | None = None
    error: str = ""


@dataclass(frozen=True)
class ConnectionSample:
    """The broker process as the inspector sees it; rss in bytes."""

    second: int
    at: float
    established: int | None = None
    close_wait: int | None = None
    fds: int | None = None
    threads: int | None = None
    rss: int | None = None
    nofile: int | None = None  # the soft limit; None: unlimited
    free_low: int | None = None  # free descriptor numbers below 1024
    to_listeners: int | None = None  # of the established ones
    listener_ports: int | None = None  # local ports that lead to the listeners
    listener_port_span: int | None = None  # from the lowest of them to the highest
    listener_ports_taken: int | None = None  # of that span, by anyone on the host
    process: str = ""  # pid and start time: another value is another process
    error: str = ""


@dataclass(frozen=True)
class ListenerSample:
    """What all the listeners together tell: notifications held unanswered, connections taken, answers given."""

    second: int
    at: float
    held: int | None = None
    accepted: int | None = None
    received: int | None = None
    out_of_descriptors: int | None = None
    abandoned: int | None = None  # requests whose sender left before their answer
    error: str = ""


Sample = Probe | QueueSample | ConnectionSample | ListenerSample


@dataclass(frozen=True)
class Seeded:
    """Subscriptions that a seeder created, and that the broker refused, since its last report."""

    created: int
    refused: int
    error: str = ""


@dataclass(frozen=True)
class Update:
    """The update that triggers the notifications: when it was sent, how long its answer took (ms)."""

    at: float
    latency: float
    error: str = ""


@dataclass(frozen=True)
class IdleClients:
    """The idle clients: how many connected, later how many were still answered, and when they let go (s, epoch)."""

    at: float
    accepted: int
    answered: int | None = None
    released: float | None = None
    error: str = ""

    def hold_at(self, moment: float) -> bool:
        """Tell whether they hold their connections at a moment."""
        return self.at < moment and (self.released is None or moment < self.released)


@dataclass(frozen=True)
class Row:
    """One second of the run: what all the probes of that second found."""

    second: int
    since_trigger: int
    phase: str
    version: Probe | None
    queue: QueueSample | None
    connections: ConnectionSample | None
    listener: ListenerSample | None
    step: int = 1  # of a ramp; which one of the cycles

    @property
    def at(self) -> float:
        """When the row's first probe was sent, s since the epoch."""
        samples = (self.version, self.queue, self.connections, self.listener)
        return min((sample.at for sample in samples if sample), default=float(self.second))

    @property
    def time(self) -> str:
        """`at` as ISO 8601, UTC, in ms."""
        return datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @property
    def version_ok(self) -> bool:
        """Tell whether GET /version was answered rightly."""
        return self.version is not None and not self.version.error

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


@dataclass(frozen=True)
class Check:
    """One line of the preflight: `state` is ok, warning or error; `remedy` is empty when it is ok."""

    what: str
    state: str
    found: str
    needed: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """A named cause of a verdict that is not PASS: what it is, the figures that show it, and what mends it."""

    cause: str
    sentence: str
    evidence: str
    remedy: str

    def __str__(self) -> str:
        return f"cause: {self.sentence} ({self.evidence}); {self.remedy}"


@dataclass(frozen=True)
class Verdict:
    """PASS, FAIL or INCONCLUSIVE, with its reasons and the process's exit code."""

    outcome: str
    reasons: tuple[str, ...]
    exit_code: int
    causes: tuple[Diagnosis, ...] = ()


@dataclass(frozen=True)
class Rest:
    """The broker at rest, before an update: its connections in both states, descriptors, threads, RSS in bytes."""

    connections: int | None = None
    fds: int | None = None
    threads: int | None = None
    rss: int | None = None


@dataclass(frozen=True)
class Step:
    """One step of a ramp, or one cycle: what was held, how GET /version was answered (ms, OK rows since the update)."""

    number: int
    subscriptions: int
    held: int | None
    rows: int
    nok: int
    latency_median: float | None
    latency_max: float | None
    rest: Rest
    verdict: Verdict

    def __str__(self) -> str:
        held = "nobody counted what was held" if self.held is None else f"{self.held} of {self.subscriptions} held"
        answers = f"{self.nok} of {self.rows} rows NOK"
        if self.latency_max is not None:
            answers += f", the slowest answer in {self.latency_max:.0f} ms"
        return f"{self.number}: {self.verdict.outcome}, {held}, {answers}"
