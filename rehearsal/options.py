"""The options of the rehearsal's broker."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PoolSize:
    """The size of a pool: the most notifications in its queue (None: no limit), and its workers."""

    queue: int | None
    workers: int


@dataclass(frozen=True)
class NotificationMode:
    """How notifications are sent. The pools are those of `threadpool`, or the one connection of `persistent`."""

    name: str
    usual: PoolSize = PoolSize(None, 1)
    services: dict[str, PoolSize] = field(default_factory=dict)


@dataclass(frozen=True)
class FailEvery:
    """Every `nth` creation of a subscription fails with `status`."""

    nth: int
    status: int


@dataclass(frozen=True)
class Names:
    """How names are resolved: `instead` has another address for some hosts, empty: none.

    Every `slow_each`-th look-up takes 5 s; None: no look-up does.
    """

    instead: dict[str, str]
    slow_each: int | None


@dataclass(frozen=True)
class Options:
    """The options. Times in seconds; None: not wanted, or no limit."""

    address: str
    port: int
    mongo: str
    pool_size: int
    multiservice: bool
    max_connections: int
    request_pool: int
    mode: NotificationMode
    sender_processes: int
    notify_timeout: float
    refresh_interval: float
    show_queue: bool
    name: str
    nofile: int | None
    backlog: int
    legacy_select: bool
    wakeup_pairs: bool
    fail_subscriptions: FailEvery | None
    ports: int | None
    source: str | None
    names: Names
    slow: float
    crash_after: float | None
    burn: bool
    deaf: bool
    null_connection: bool
    max_fails: int
    restart: bool
    leak: str | None
    show_sem_wait: bool
    refresh_hold: float
    ngsild: bool
    like: str
    one_at_a_time: bool
