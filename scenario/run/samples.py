"""Samples of the probes: frozen, one per probe and second.

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

    With --rate above 1 `tries` has all tries of the second. The latency is then the slowest, the error the first.
    """

    second: int
    at: float
    latency: float | None = None
    error: str = ""
    tries: Tries | None = None
    failure: Kind | None = None
    late: float | None = None  # ms, longest delay of the tester's event loop since the previous row
    tester_idle_seconds: float | None = None  # counter, of all CPUs of the tester's host
    tester_steal_seconds: float | None = None  # counter, time of these CPUs that the hypervisor gave to others
    tester_cpus: int | None = None  # number of CPUs of that host
    tester_lookup_seconds: float | None = None  # the longest look-up of a peer's name there, finished or not


@dataclass(frozen=True)
class QueueSample:
    """What the broker reports: notifQueue, semWait, subscription cache. Its counters start at its start."""

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
    sem_wait: dict[str, float] = field(default_factory=dict)  # s that its threads waited, added up, by semaphore
    refreshes: int | None = None  # of the subscription cache
    cache_items: int | None = None  # subscriptions in it, of all services

    @property
    def sub_cache_wait(self) -> float | None:
        """Seconds that its threads waited for the subscription cache since its start, added up."""
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
    listen_queue: int | None = None  # connections waiting to be accepted
    listen_backlog: int | None = None  # most that may wait
    also_listening: int | None = None  # other processes at the broker's port
    state: str = ""  # as in ps(1): R, S, D, T (stopped)
    cpu_seconds: float | None = None  # spent by the process, user and system
    cpus: float | None = None  # that it may use
    throttled_seconds: float | None = None  # its threads waited because of a control group's CPU quota
    host_idle_seconds: float | None = None  # of all the host's CPUs
    threads_limit: int | None = None  # the limit on threads that leaves the fewest
    threads_used: int | None = None  # in use, of that limit
    threads_limit_at: str = ""  # where it is set
    threads_refused: int | None = None  # by a limit of a control group
    memory_limit: int | None = None  # the limit on memory that leaves the least
    memory_used: int | None = None  # in use of that limit, with caches
    memory_limit_at: str = ""  # where it is set
    oom_kills: int | None = None  # processes of its control group that the kernel killed for memory
    host_oom_kills: int | None = None  # any process of the host
    listen_overflows: int | None = None  # connections that found a listen queue full; of the network namespace
    listen_drops: int | None = None  # connections dropped before accept, for any reason
    retransmits: int | None = None  # segments sent again
    resets: int | None = None  # established or close wait connections that were reset
    connecting_to_listeners: int | None = None  # connections to them in SYN_SENT
    connect_failures: int | None = None  # refused or abandoned connections, in the network namespace
    syn_retransmits: int | None = None  # SYNs and SYN-ACKs sent again, in the network namespace
    unresolved: dict[str, str] = field(default_factory=dict)  # listeners whose name has no address there, and why
    lookup_seconds: float | None = None  # the longest look-up of their names there, finished or not
    host_cpus: int | None = None
    host_busy_seconds: float | None = None  # CPU time of everything on the host
    host_steal_seconds: float | None = None  # time that its hypervisor gave to others
    database_cpu_seconds: float | None = None  # of the database; None: on another host, or unknown
    listener_cpu_seconds: float | None = None  # the same of the listeners
    tester_cpu_seconds: float | None = None  # the same of Locust
    cpu_of_others: dict[str, float] = field(default_factory=dict)  # CPUs in use since the row before, by process name
    inspector: str = ""  # which one answered: its host, pid and start time
    process: str = ""  # pid and start time: a new value means a new process
    error: str = ""
    failure: Kind | None = None


@dataclass(frozen=True)
class ListenerSample:
    """Sum over all listeners: notifications held unanswered, connections accepted, answers given."""

    second: int
    at: float
    held: int | None = None
    accepted: int | None = None
    received: int | None = None
    out_of_descriptors: int | None = None
    abandoned: int | None = None  # requests whose sender left before their answer
    update: int | None = None  # number of the newest update that they were notified of
    notifications: int | None = None  # number of its notifications
    notified: int | None = None  # number of subscriptions with one of these or more
    doubled: int | None = None  # number of subscriptions with more than one
    error: str = ""
    failures: dict[str, Kind] = field(default_factory=dict)  # by host:port, of listeners without a right answer
    ids: dict[str, str] = field(default_factory=dict)  # by host:port, random id of the listener that answered


@dataclass(frozen=True)
class ClientSample:
    """The ordinary client: an update of its own entity, then a query for it; latencies in ms.

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
    late: float | None = None  # like VersionSample.late, on the host of this client


@dataclass(frozen=True)
class HealthySample:
    """Notifications of the healthy subscribers since the previous row; latencies in ms, from the sending of the update.

    They are on the run's clock: the listener's is compared with it through its answers.
    """

    second: int
    at: float
    arrived: int | None = None
    waiting: int | None = None  # under way, of updates that the broker accepted
    lost: int | None = None  # since the first row, like `doubled`; later ones arrived before them
    doubled: int | None = None
    p50: float | None = None  # of those that arrived
    p99: float | None = None
    slowest: float | None = None  # of those, or the longest wait so far
    clock_error: float | None = None  # half the round trip of the best comparison
    quiet: bool = False  # the listeners have answered: updates of this second notify nobody
    error: str = ""
    latencies: tuple[float, ...] = ()  # with --rate above 1, of all that arrived
    same_arrived: int | None = None  # so far, of the update that notifies the slow receivers; None: no such subscribers
    same_slowest: float | None = None  # of these


@dataclass(frozen=True)
class DatabaseSample:
    """A ping of the broker's database, past the broker; latency in ms, to the answer or to the error."""

    second: int
    at: float
    latency: float | None = None
    error: str = ""
    failure: Kind | None = None


Sample = VersionSample | QueueSample | ConnectionSample | ListenerSample | ClientSample | HealthySample | DatabaseSample
