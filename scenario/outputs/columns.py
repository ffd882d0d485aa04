"""The columns of rows and steps, defined once for CSV, charts, metrics and documentation.

A row is one second. A value that was not measured is None, never 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from scenario.peers import kind_of
from scenario.run.results import Row, Step
from scenario.settings.options import Options

_R = TypeVar("_R", Row, Step)


@dataclass(frozen=True)
class Column(Generic[_R]):
    """A column: its name, its unit ("": a text or a plain number), its meaning, and how to get its value."""

    name: str
    unit: str
    meaning: str
    value: Callable[[_R], Any]

    @property
    def title(self) -> str:
        """Name and unit, for example "close wait (connections)"."""
        name = self.name.removesuffix("_ms").removesuffix("_bytes").replace("_", " ")
        return f"{name} ({self.unit})" if self.unit else name


def _of(sample: str, figure: str, digits: int | None = None) -> Callable[[Row], Any]:
    """Return a function that gets a figure of one of the row's samples."""

    def value(row: Row) -> Any:
        number = getattr(getattr(row, sample), figure, None)
        return number if digits is None or number is None else round(number, digits)

    return value


def _ok(sample: str, error: str) -> Callable[[Row], str | None]:
    """Return a function that returns NOK if one of the row's samples has this error, otherwise OK."""

    def value(row: Row) -> str | None:
        found = getattr(row, sample)
        return None if found is None else "NOK" if getattr(found, error) else "OK"

    return value


def _tries(sample: str, tries: str, figure: str) -> Callable[[Row], Any]:
    """Return a function that gets a figure of the second's tries."""

    def value(row: Row) -> Any:
        number = getattr(getattr(getattr(row, sample), tries, None), figure, None)
        return round(number, 1) if isinstance(number, float) else number

    return value


_CONNECTIONS, _NOTIFICATIONS = "connections", "notifications"
# Measurements that tell causes apart. Counters never restart: the difference of two rows is what happened between them
_SURROUNDINGS = tuple(
    Column[Row](name, unit, meaning, _of("connections", name.removeprefix("broker_").removesuffix("_bytes")))
    for name, unit, meaning in (
        ("inbound", _CONNECTIONS, "at the broker's own port, ESTABLISHED or CLOSE_WAIT"),
        ("to_listeners", _CONNECTIONS, "ESTABLISHED, to the listeners"),
        ("close_wait_to_listeners", _CONNECTIONS, "CLOSE_WAIT, to the listeners"),
        ("connecting_to_listeners", _CONNECTIONS, "SYN_SENT, to listeners that have not answered yet"),
        ("to_database", _CONNECTIONS, "ESTABLISHED, to the broker's database"),
        ("listen_queue", _CONNECTIONS, "waiting to be accepted at the broker's port"),
        ("listen_backlog", _CONNECTIONS, "most that may wait there"),
        ("listen_overflows", _CONNECTIONS, "counter: found a listen queue full, in the broker's network namespace"),
        ("listen_drops", _CONNECTIONS, "counter: dropped there before they were accepted"),
        ("retransmits", "segments", "counter: sent again there"),
        ("resets", _CONNECTIONS, "counter: reset there"),
        ("also_listening", "processes", "other processes at the broker's port"),
        ("broker_state", "", "state of the broker's process as in ps(1): R, S, D, T (stopped)"),
        ("broker_cpu_seconds", "s", "counter: CPU time of the broker's process"),
        ("throttled_seconds", "s", "counter: time that its threads waited because of a CPU quota"),
        ("host_idle_seconds", "s", "counter: idle time of all CPUs of its host"),
        ("host_steal_seconds", "s", "counter: time of these CPUs that the hypervisor gave to others"),
        ("threads_used", "threads", "in use, of the limit on threads that leaves the fewest"),
        ("threads_limit", "threads", "this limit"),
        ("threads_limit_at", "", "where this limit is set"),
        ("threads_refused", "threads", "counter: refused by a limit of its control group"),
        ("memory_used_bytes", "bytes", "in use, with caches, of the limit on memory that leaves the least"),
        ("memory_limit_bytes", "bytes", "this limit"),
        ("memory_limit_at", "", "where this limit is set"),
        ("oom_kills", "processes", "counter: killed by the kernel in its control group, because memory ran out"),
        ("host_oom_kills", "processes", "counter: the same on the whole host"),
    )
)
COLUMNS: tuple[Column[Row], ...] = (
    Column("time_utc", "", "time of the first probe of this second, ISO 8601, UTC, ms", lambda row: row.time),
    Column("second", "s", "seconds since the update was sent; negative before it", lambda row: row.since_trigger),
    Column("phase", "", "baseline (at rest), trigger (update under way), observe", lambda row: row.phase),
    Column("version", "", "OK or NOK: `GET /version` over a new connection", _ok("version", "error")),
    Column(
        "version_latency_ms",
        "ms",
        "from the start of the connection to the end of the answer, or to the error",
        _of("version", "latency", 1),
    ),
    Column("version_error", "", "why it is NOK", _of("version", "error")),
    Column("tester_late_ms", "ms", "longest delay of Locust's event loop", _of("version", "late", 1)),
    Column(
        "queue_size", _NOTIFICATIONS, "`notifQueue.size`: queue size when a worker last took one", _of("queue", "size")
    ),
    Column("queue_backlog", _NOTIFICATIONS, "`in` - `out`: waiting for a worker", _of("queue", "backlog")),
    Column("sent_ok", _NOTIFICATIONS, "answered by a receiver, since the broker's start", _of("queue", "sent_ok")),
    Column("sent_error", _NOTIFICATIONS, "failed, since the broker's start", _of("queue", "sent_error")),
    Column("rejected", _NOTIFICATIONS, "found the queue full, since the broker's start", _of("queue", "rejected")),
    Column(
        "sem_wait_sub_cache_seconds",
        "s",
        "counter: `semWait.subCache`, time that its threads waited for the subscription cache, added up",
        _of("queue", "sub_cache_wait"),
    ),
    Column("cache_refreshes", "refreshes", "of that cache, since the broker's start", _of("queue", "refreshes")),
    Column("cache_items", "subscriptions", "in the subscription cache, of all services", _of("queue", "cache_items")),
    Column("established", _CONNECTIONS, "ESTABLISHED, of the broker's process", lambda row: row.established),
    Column("close_wait", _CONNECTIONS, "CLOSE_WAIT, of the broker's process", _of("connections", "close_wait")),
    Column("sum", _CONNECTIONS, "established + close_wait", lambda row: row.sum),
    Column("broker_fds", "descriptors", "in use by the broker's process", _of("connections", "fds")),
    Column("broker_threads", "threads", "of the broker's process", _of("connections", "threads")),
    Column("broker_rss_bytes", "bytes", "resident memory of the broker's process", _of("connections", "rss")),
    *_SURROUNDINGS,
    Column("listener_held", _NOTIFICATIONS, "held unanswered by the listeners", _of("listener", "held")),
    Column("update", "", "OK or NOK: the client's update, over a new connection", _ok("client", "update_error")),
    Column("update_latency_ms", "ms", "like version_latency_ms", _of("client", "update_latency", 1)),
    Column("update_error", "", "why it is NOK", _of("client", "update_error")),
    Column("query", "", "OK or NOK: the client reads the value back", _ok("client", "query_error")),
    Column("query_latency_ms", "ms", "like version_latency_ms", _of("client", "query_latency", 1)),
    Column("query_error", "", "why it is NOK", _of("client", "query_error")),
    Column("database", "", "OK or NOK: a ping of the database, past the broker", _ok("database", "error")),
    Column("database_latency_ms", "ms", "to the answer, or to the error", _of("database", "latency", 1)),
    Column("database_error", "", "why it is NOK", _of("database", "error")),
    Column("healthy_arrived", _NOTIFICATIONS, "at healthy subscribers in this second", _of("healthy", "arrived")),
    Column("healthy_waiting", _NOTIFICATIONS, "under way to healthy subscribers", _of("healthy", "waiting")),
    Column(
        "healthy_lost", _NOTIFICATIONS, "to healthy subscribers, lost so far: later ones came", _of("healthy", "lost")
    ),
    Column("healthy_p50_ms", "ms", "from the client's update to the arrival, median", _of("healthy", "p50", 1)),
    Column("healthy_p99_ms", "ms", "the same, 99th percentile", _of("healthy", "p99", 1)),
    Column("healthy_max_ms", "ms", "the slowest, or the longest wait so far", _of("healthy", "slowest", 1)),
    Column(
        "step",
        "",
        "number of the step of a ramp, or of the cycle, from 1; `second` counts from its own update",
        lambda row: row.step,
    ),
)
OF_QUEUE = (
    *("queue_size", "queue_backlog", "sent_ok", "sent_error", "rejected"),
    *("sem_wait_sub_cache_seconds", "cache_refreshes", "cache_items"),
)
OF_DATABASE = ("to_database", "database", "database_latency_ms", "database_error")
ANSWERS = ("version", "update", "query", "database")  # columns that are OK or NOK
TRIES_COLUMNS: tuple[Column[Row], ...] = tuple(
    Column[Row](f"{client}_{name}", unit, f"{what}, tries of this second: {meaning}", _tries(sample, tries, figure))
    for client, what, sample, tries in (
        ("version", "`GET /version`", "version", "tries"),
        ("update", "the client's update", "client", "update_tries"),
        ("query", "its query", "client", "query_tries"),
    )
    for name, unit, meaning, figure in (
        ("tries", "tries", "number sent", "count"),
        ("nok_tries", "tries", "without a right answer", "nok"),
        ("p50_ms", "ms", "median of the right answers", "p50"),
        ("p99_ms", "ms", "99th percentile of the right answers", "p99"),
        ("max_ms", "ms", "the slowest right answer", "slowest"),
    )
)


def columns_of(options: Options) -> tuple[Column[Row], ...]:
    """Return the columns of a run's rows: those of its kind of broker, and more with --rate above 1."""
    kind = kind_of(options)
    absent = (OF_QUEUE if not kind.has_queue else ()) + (OF_DATABASE if not kind.own_database else ())
    had = tuple(column for column in COLUMNS if column.name not in absent)
    return had + TRIES_COLUMNS if options.probes.rate > 1 else had


# Columns in the charts, and in the table of now, min and max
SERIES = (
    *("established", "close_wait", "sum", "inbound", "listen_queue", "broker_fds", "broker_threads", "listener_held"),
    *("queue_backlog", "version_latency_ms", "update_latency_ms", "query_latency_ms", "database_latency_ms"),
    "healthy_max_ms",
)


def _causes(step: Step) -> str:
    return " ".join(cause.cause for cause in step.verdict.causes)


def _figure(name: str) -> Callable[[Step], float | None]:
    """Return a function that gets a figure of scenario.verdict.measures, rounded to tenths."""

    def value(step: Step) -> float | None:
        figure = step.verdict.figures.get(name)
        return None if figure is None else round(figure, 1)

    return value


STEP_COLUMNS: tuple[Column[Step], ...] = (
    Column("step", "", "number of the step or cycle, from 1", lambda step: step.number),
    Column("subscriptions", _CONNECTIONS, "to be held", lambda step: step.subscriptions),
    Column("verdict", "", "verdict of this step", lambda step: step.verdict.outcome),
    Column("held", _CONNECTIONS, "the most at one time", lambda step: step.held),
    Column("rows", "s", "since its update", lambda step: step.rows),
    Column("nok", "s", "rows whose `GET /version` was NOK", lambda step: step.nok),
    Column("latency_median_ms", "ms", "`GET /version`, OK rows", _figure("version_p50")),
    Column("latency_max_ms", "ms", "`GET /version`, OK rows", _figure("version_max")),
    Column("update_max_ms", "ms", "the ordinary client's update, OK rows", _figure("update_max")),
    Column("healthy_p50_ms", "ms", "healthy subscribers, median of each second's median", _figure("healthy_p50")),
    Column("healthy_max_ms", "ms", "healthy subscribers, the slowest or the longest wait", _figure("healthy_max")),
    Column("rest_connections", _CONNECTIONS, "of the broker before its update", lambda step: step.rest.connections),
    Column("rest_fds", "descriptors", "of the broker before its update", lambda step: step.rest.fds),
    Column("rest_threads", "threads", "of the broker before its update", lambda step: step.rest.threads),
    Column("rest_rss_bytes", "bytes", "of the broker before its update", lambda step: step.rest.rss),
    Column("cause", "", "why it failed", _causes),
)


def named(*wanted: str) -> tuple[Column[Row], ...]:
    """Return the columns of rows with these names, in this order."""
    by_name = {column.name: column for column in COLUMNS}
    return tuple(by_name[name] for name in wanted)


def names(columns: tuple[Column[_R], ...]) -> list[str]:
    """Return the names of the columns."""
    return [column.name for column in columns]


def cells(columns: tuple[Column[_R], ...], record: _R) -> list[Any]:
    """Return the values of a row or step, in the order of the columns."""
    return [column.value(record) for column in columns]
