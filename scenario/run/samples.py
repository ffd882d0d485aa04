"""What the probes found: frozen, one per probe and second.

`second` is the whole second (s since the epoch, on the master's clock) that a sample belongs to; `at` is when it was
really taken. None means not measured, never 0. `error` is empty when the measurement succeeded.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class VersionSample:
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


Sample = VersionSample | QueueSample | ConnectionSample | ListenerSample
