"""What the probes found: frozen, one per probe and second.

`second` is the whole second (s since the epoch, on the master's clock) that a sample belongs to; `at` is when it was
really taken. None means not measured, never 0. `error` is empty when the measurement succeeded; it is for people, and
`failure`, beside it, for the rules.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from scenario.peers.failures import Kind
from scenario.peers.statistics import SUB_CACHE
from scenario.run.tries import Tries


@dataclass(frozen=True)
class VersionSample:
    """GET /version over a new TCP connection; latency in ms.

    With --rate above 1 `tries` has all of the second's; its latency is the slowest's, its error the first.
    """

    second: int
    at: float
    latency: float | None = None
    error: str = ""
    tries: Tries | None = None
    failure: Kind | None = None
    late: float | None = None  # ms, the longest that the tester let something wait that was due since the row before
    tester_idle_seconds: float | None = None  # of all CPUs of the tester's host; a counter
    tester_steal_seconds: float | None = None  # taken from them by the hypervisor; a counter
    tester_cpus: int | None = None  # that its host has
    tester_lookup_seconds: float | None = None  # that the slowest of the peers' names took there, or takes until now


@dataclass(frozen=True)
class QueueSample:
    """What the broker tells of itself: notifQueue, semWait, subscription cache; the counters run since its start."""

    second: int
    at: float
    size: int | None = None
    backlog: int | None = None
    sent_ok: int | None = None
    sent_error: int | None = None
    rejected: int | None = None
    entered: int | None = None
    error: str = ""
    failure: Kind | None = None
    sem_wait: dict[str, float] = field(default_factory=dict)  # s that its threads waited, in all, by semaphore
    refreshes: int | None = None  # of the subscription cache
    cache_items: int | None = None  # subscriptions in it, of all services

    @property
    def sub_cache_wait(self) -> float | None:
        """Seconds that its threads waited for the subscription cache, in all, since its start."""
        return self.sem_wait.get(SUB_CACHE)


@dataclass(frozen=True)
class ConnectionSample:
    """The broker's process as the inspector sees it; memory in bytes.

    The counters run on: those of seconds and of events since the start of what they count for, which is the process,
    its control group, its network namespace or the host; what moves between two rows is what happened then.
    """

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
    inbound: int | None = None  # at the broker's own port, established or close wait
    to_database: int | None = None  # of the established ones
    close_wait_to_listeners: int | None = None
    listen_queue: int | None = None  # connections that wait to be accepted
    listen_backlog: int | None = None  # how many may
    also_listening: int | None = None  # other processes at the broker's port
    state: str = ""  # as ps(1) has it: R, S, D, T (stopped)
    cpu_seconds: float | None = None  # spent by the process, user and system
    cpus: float | None = None  # that it may use
    throttled_seconds: float | None = None  # kept waiting by the CPU quota of a control group
    host_idle_seconds: float | None = None  # of all the host's CPUs
    threads_limit: int | None = None  # that limit on threads which leaves the fewest
    threads_used: int | None = None  # of that limit, by whomever it holds for
    threads_limit_at: str = ""  # where it is set
    threads_refused: int | None = None  # by a limit of a control group
    memory_limit: int | None = None  # that limit on memory which leaves the least
    memory_used: int | None = None  # of that limit, what is cached included
    memory_limit_at: str = ""  # where it is set
    oom_kills: int | None = None  # processes of its control group that the kernel killed for memory
    host_oom_kills: int | None = None  # any process of the host
    listen_overflows: int | None = None  # connections that found a listen queue full; of the network namespace
    listen_drops: int | None = None  # connections dropped before accept, for whatever reason
    retransmits: int | None = None  # segments sent again
    resets: int | None = None  # established or close wait connections that were reset
    connecting_to_listeners: int | None = None  # connections to them that are not answered yet: SYN_SENT
    connect_failures: int | None = None  # connections that were refused or given up; of the network namespace
    syn_retransmits: int | None = None  # SYNs (also of those that answer one) sent again; of the network namespace
    unresolved: dict[str, str] = field(default_factory=dict)  # listeners whose name had no address there, and why
    lookup_seconds: float | None = None  # that the slowest of their names took there, or has taken until now
    host_cpus: int | None = None
    host_busy_seconds: float | None = None  # spent by whatever runs on the host, of all its CPUs
    host_steal_seconds: float | None = None  # that its hypervisor gave to others
    database_cpu_seconds: float | None = None  # of these; None: it runs elsewhere, or cannot be told from others
    listener_cpu_seconds: float | None = None  # the same of the listeners,
    tester_cpu_seconds: float | None = None  # and of Locust
    cpu_of_others: dict[str, float] = field(default_factory=dict)  # CPUs since the row before, by process name: most
    inspector: str = ""  # which one answered: its host, pid and start time
    process: str = ""  # pid and start time: another value is another process
    error: str = ""
    failure: Kind | None = None


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
    update: int | None = None  # the newest one that they were notified of: its number
    notifications: int | None = None  # of that update
    notified: int | None = None  # subscriptions that had one of these, or more
    doubled: int | None = None  # of these, those that had more
    error: str = ""
    failures: dict[str, Kind] = field(default_factory=dict)  # by host:port of the listeners that did not answer rightly
    ids: dict[str, str] = field(default_factory=dict)  # which one answered at host:port: drawn at its start


@dataclass(frozen=True)
class ClientSample:
    """What an ordinary client got: an update of its own entity, then a query for it; latencies in ms.

    With --rate above 1 as the VersionSample, each for itself.
    """

    second: int
    at: float
    update_latency: float | None = None
    update_error: str = ""
    query_latency: float | None = None
    query_error: str = ""
    update_tries: Tries | None = None
    query_tries: Tries | None = None
    update_failure: Kind | None = None
    query_failure: Kind | None = None
    late: float | None = None  # as the VersionSample's, where this client runs


@dataclass(frozen=True)
class HealthySample:
    """What came to the healthy subscribers since the row before; latencies in ms, from when the update was sent.

    They are on the run's clock: the listener's is compared with it through its answers.
    """

    second: int
    at: float
    arrived: int | None = None
    waiting: int | None = None  # under way: of updates that the broker has taken
    lost: int | None = None  # since the first row, as `doubled`: later ones have overtaken them
    doubled: int | None = None
    p50: float | None = None  # of those that arrived
    p99: float | None = None
    slowest: float | None = None  # of those, or the longest that one is waiting
    clock_error: float | None = None  # half the round trip of the best comparison
    quiet: bool = False  # the listeners have let go: the second's updates notify nobody
    error: str = ""
    latencies: tuple[float, ...] = ()  # with --rate above 1: of all that arrived
    same_arrived: int | None = None  # in all, of the update that notifies the slow receivers; None: there are none
    same_slowest: float | None = None  # of these


@dataclass(frozen=True)
class DatabaseSample:
    """A ping of the database at --mongo, past the broker; latency in ms, to the answer or to the error."""

    second: int
    at: float
    latency: float | None = None
    error: str = ""
    failure: Kind | None = None


Sample = VersionSample | QueueSample | ConnectionSample | ListenerSample | ClientSample | HealthySample | DatabaseSample
