"""What rows and steps tell, each column written down once: CSV, charts, metrics and documentation take it from here.

A row is one second. A value is None where nothing was measured, never 0.
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
    """A column: its name, its unit (empty: a text, or a number of its own), what it means, how to get it."""

    name: str
    unit: str
    meaning: str
    value: Callable[[_R], Any]

    @property
    def title(self) -> str:
        """Name and unit for a reader: "close wait (connections)"."""
        name = self.name.removesuffix("_ms").removesuffix("_bytes").replace("_", " ")
        return f"{name} ({self.unit})" if self.unit else name


def _of(sample: str, figure: str, digits: int | None = None) -> Callable[[Row], Any]:
    """Return what gets a figure of one of the row's samples."""

    def value(row: Row) -> Any:
        number = getattr(getattr(row, sample), figure, None)
        return number if digits is None or number is None else round(number, digits)

    return value


def _ok(sample: str, error: str) -> Callable[[Row], str | None]:
    """Return what tells of one of the row's samples whether it has this error: OK or NOK."""

    def value(row: Row) -> str | None:
        found = getattr(row, sample)
        return None if found is None else "NOK" if getattr(found, error) else "OK"

    return value


def _tries(sample: str, tries: str, figure: str) -> Callable[[Row], Any]:
    """Return what gets a figure of the second's tries, which one of the row's samples has."""

    def value(row: Row) -> Any:
        number = getattr(getattr(getattr(row, sample), tries, None), figure, None)
        return round(number, 1) if isinstance(number, float) else number

    return value


_CONNECTIONS, _NOTIFICATIONS = "connections", "notifications"
# What tells one cause from another; counters run on, so what moves between two rows is what happened then
_SURROUNDINGS = tuple(
    Column[Row](name, unit, meaning, _of("connections", name.removeprefix("broker_").removesuffix("_bytes")))
    for name, unit, meaning in (
        ("inbound", _CONNECTIONS, "at the broker's own port, ESTABLISHED or CLOSE_WAIT"),
        ("to_listeners", _CONNECTIONS, "ESTABLISHED ones to the listeners"),
        ("close_wait_to_listeners", _CONNECTIONS, "CLOSE_WAIT ones to the listeners"),
        ("connecting_to_listeners", _CONNECTIONS, "to the listeners that are not answered yet, SYN_SENT"),
        ("to_database", _CONNECTIONS, "ESTABLISHED ones to the broker's database"),
        ("listen_queue", _CONNECTIONS, "wait to be accepted at the broker's port"),
        ("listen_backlog", _CONNECTIONS, "may wait there"),
        ("listen_overflows", _CONNECTIONS, "found such a queue full, in the broker's network namespace"),
        ("listen_drops", _CONNECTIONS, "were dropped there before they were accepted"),
        ("retransmits", "segments", "sent again there"),
        ("resets", _CONNECTIONS, "were reset there"),
        ("also_listening", "processes", "others at the broker's port"),
        ("broker_state", "", "of the broker's process as ps(1) has it: R, S, D, T (stopped)"),
        ("broker_cpu_seconds", "s", "CPU that the broker's process has spent"),
        ("throttled_seconds", "s", "for which a CPU quota kept it waiting"),
        ("host_idle_seconds", "s", "of all CPUs of its host"),
        ("host_steal_seconds", "s", "of these CPUs that the hypervisor gave to others"),
        ("threads_used", "threads", "of that limit on threads which leaves the fewest, by whomever it holds for"),
        ("threads_limit", "threads", "that limit"),
        ("threads_limit_at", "", "where it is set"),
        ("threads_refused", "threads", "by a limit of its control group"),
        ("memory_used_bytes", "bytes", "of that limit on memory which leaves the least, what is cached included"),
        ("memory_limit_bytes", "bytes", "that limit"),
        ("memory_limit_at", "", "where it is set"),
        ("oom_kills", "processes", "of its control group, killed by the kernel for lack of memory"),
        ("host_oom_kills", "processes", "of the whole host, killed so"),
    )
)
COLUMNS: tuple[Column[Row], ...] = (
    Column("time_utc", "", "when the second's first probe was sent, ISO 8601, UTC, ms", lambda row: row.time),
    Column("second", "s", "whole seconds since the update was sent; negative before it", lambda row: row.since_trigger),
    Column("phase", "", "baseline (at rest), trigger (the update is under way), observe", lambda row: row.phase),
    Column("version", "", "OK or NOK: `GET /version` over a new connection", _ok("version", "error")),
    Column(
        "version_latency_ms",
        "ms",
        "from before the connection to the end of the answer, or to the error",
        _of("version", "latency", 1),
    ),
    Column("version_error", "", "why it is NOK", _of("version", "error")),
    Column("tester_late_ms", "ms", "the longest that Locust let what was due wait", _of("version", "late", 1)),
    Column(
        "queue_size", _NOTIFICATIONS, "`notifQueue.size`: waiting when a worker last took one", _of("queue", "size")
    ),
    Column("queue_backlog", _NOTIFICATIONS, "`in` - `out`: not taken by a worker yet", _of("queue", "backlog")),
    Column("sent_ok", _NOTIFICATIONS, "answered by a receiver, since the broker's start", _of("queue", "sent_ok")),
    Column("sent_error", _NOTIFICATIONS, "failed, since the broker's start", _of("queue", "sent_error")),
    Column("rejected", _NOTIFICATIONS, "found the queue full, since the broker's start", _of("queue", "rejected")),
    Column(
        "sem_wait_sub_cache_seconds",
        "s",
        "`semWait.subCache`: for which its threads waited for the subscription cache, in all, since its start",
        _of("queue", "sub_cache_wait"),
    ),
    Column("cache_refreshes", "refreshes", "of that cache, since the broker's start", _of("queue", "refreshes")),
    Column("cache_items", "subscriptions", "in that cache, of all services", _of("queue", "cache_items")),
    Column("established", _CONNECTIONS, "ESTABLISHED ones of the broker's process", lambda row: row.established),
    Column("close_wait", _CONNECTIONS, "CLOSE_WAIT ones of the broker's process", _of("connections", "close_wait")),
    Column("sum", _CONNECTIONS, "established + close_wait", lambda row: row.sum),
    Column("broker_fds", "descriptors", "in use by the broker's process", _of("connections", "fds")),
    Column("broker_threads", "threads", "of the broker's process", _of("connections", "threads")),
    Column("broker_rss_bytes", "bytes", "resident memory of the broker's process", _of("connections", "rss")),
    *_SURROUNDINGS,
    Column("listener_held", _NOTIFICATIONS, "held unanswered by the listeners", _of("listener", "held")),
    Column("update", "", "OK or NOK: an ordinary client's, over a new connection", _ok("client", "update_error")),
    Column("update_latency_ms", "ms", "as that of the version", _of("client", "update_latency", 1)),
    Column("update_error", "", "why it is NOK", _of("client", "update_error")),
    Column("query", "", "OK or NOK: the client reads what it has written", _ok("client", "query_error")),
    Column("query_latency_ms", "ms", "as that of the version", _of("client", "query_latency", 1)),
    Column("query_error", "", "why it is NOK", _of("client", "query_error")),
    Column("database", "", "OK or NOK: a ping of the database, past the broker", _ok("database", "error")),
    Column("database_latency_ms", "ms", "to its answer, or to the error", _of("database", "latency", 1)),
    Column("database_error", "", "why it is NOK", _of("database", "error")),
    Column("healthy_arrived", _NOTIFICATIONS, "at the healthy subscribers in this second", _of("healthy", "arrived")),
    Column("healthy_waiting", _NOTIFICATIONS, "under way to healthy subscribers", _of("healthy", "waiting")),
    Column("healthy_lost", _NOTIFICATIONS, "to healthy subscribers, in all: later ones came", _of("healthy", "lost")),
    Column("healthy_p50_ms", "ms", "from the client's update to their arrival, median", _of("healthy", "p50", 1)),
    Column("healthy_p99_ms", "ms", "the same, 99th percentile", _of("healthy", "p99", 1)),
    Column("healthy_max_ms", "ms", "the slowest, or the longest that one is waiting", _of("healthy", "slowest", 1)),
    Column(
        "step",
        "",
        "of a ramp, or which of the cycles, from 1; `second` is that of its own update",
        lambda row: row.step,
    ),
)
OF_QUEUE = (
    *("queue_size", "queue_backlog", "sent_ok", "sent_error", "rejected"),
    *("sem_wait_sub_cache_seconds", "cache_refreshes", "cache_items"),
)
OF_DATABASE = ("to_database", "database", "database_latency_ms", "database_error")
ANSWERS = ("version", "update", "query", "database")  # those that are OK or NOK
TRIES_COLUMNS: tuple[Column[Row], ...] = tuple(
    Column[Row](f"{client}_{name}", unit, f"{what}, of the second's tries: {meaning}", _tries(sample, tries, figure))
    for client, what, sample, tries in (
        ("version", "`GET /version`", "version", "tries"),
        ("update", "the client's update", "client", "update_tries"),
        ("query", "its query", "client", "query_tries"),
    )
    for name, unit, meaning, figure in (
        ("tries", "tries", "how many were sent", "count"),
        ("nok_tries", "tries", "those that got no right answer", "nok"),
        ("p50_ms", "ms", "median of the right answers", "p50"),
        ("p99_ms", "ms", "their 99th percentile", "p99"),
        ("max_ms", "ms", "their slowest", "slowest"),
    )
)


def columns_of(options: Options) -> tuple[Column[Row], ...]:
    """Return the columns of a run's rows: those that its kind of broker has, and more with --rate above 1."""
    kind = kind_of(options)
    absent = (OF_QUEUE if not kind.has_queue else ()) + (OF_DATABASE if not kind.in_mongodb else ())
    had = tuple(column for column in COLUMNS if column.name not in absent)
    return had + TRIES_COLUMNS if options.probes.rate > 1 else had


# What is drawn over time, and told as now, least and most
SERIES = (
    *("established", "close_wait", "sum", "inbound", "listen_queue", "broker_fds", "broker_threads", "listener_held"),
    *("queue_backlog", "version_latency_ms", "update_latency_ms", "query_latency_ms", "database_latency_ms"),
    "healthy_max_ms",
)


def _causes(step: Step) -> str:
    return " ".join(cause.cause for cause in step.verdict.causes)


def _figure(name: str) -> Callable[[Step], float | None]:
    """Return what gets a figure of scenario.verdict.measures, in tenths."""

    def value(step: Step) -> float | None:
        figure = step.verdict.figures.get(name)
        return None if figure is None else round(figure, 1)

    return value


STEP_COLUMNS: tuple[Column[Step], ...] = (
    Column("step", "", "of a ramp, or which of the cycles, from 1", lambda step: step.number),
    Column("subscriptions", _CONNECTIONS, "to be held", lambda step: step.subscriptions),
    Column("verdict", "", "of this step alone", lambda step: step.verdict.outcome),
    Column("held", _CONNECTIONS, "the most at one time", lambda step: step.held),
    Column("rows", "s", "since its update", lambda step: step.rows),
    Column("nok", "s", "rows whose `GET /version` failed", lambda step: step.nok),
    Column("latency_median_ms", "ms", "`GET /version`, OK rows", _figure("version_p50")),
    Column("latency_max_ms", "ms", "`GET /version`, OK rows", _figure("version_max")),
    Column("update_max_ms", "ms", "an ordinary client's update, OK rows", _figure("update_max")),
    Column("healthy_p50_ms", "ms", "healthy subscribers, median of each second's median", _figure("healthy_p50")),
    Column("healthy_max_ms", "ms", "the slowest, or the longest that one waited", _figure("healthy_max")),
    Column("rest_connections", _CONNECTIONS, "of the broker before its update", lambda step: step.rest.connections),
    Column("rest_fds", "descriptors", "of the broker before its update", lambda step: step.rest.fds),
    Column("rest_threads", "threads", "of the broker before its update", lambda step: step.rest.threads),
    Column("rest_rss_bytes", "bytes", "of the broker before its update", lambda step: step.rest.rss),
    Column("cause", "", "what it failed of", _causes),
)


def names(columns: tuple[Column[_R], ...]) -> list[str]:
    """Return the columns' names, in their order."""
    return [column.name for column in columns]


def cells(columns: tuple[Column[_R], ...], told: _R) -> list[Any]:
    """Return a row's, or a step's, values in the order of the columns."""
    return [column.value(told) for column in columns]
