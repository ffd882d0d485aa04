"""What the rehearsal broker can be asked for."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PoolSize:
    """The most that wait (None: any number) and the workers of a pool."""

    queue: int | None
    workers: int


@dataclass(frozen=True)
class NotificationMode:
    """How notifications leave; the pools are those of `threadpool`, and the one connection of `persistent`."""

    name: str
    usual: PoolSize = PoolSize(None, 1)
    services: dict[str, PoolSize] = field(default_factory=dict)


@dataclass(frozen=True)
class FailEvery:
    """Every `nth` creation of a subscription is answered with `status`, and stores nothing."""

    nth: int
    status: int


@dataclass(frozen=True)
class Names:
    """What the broker's name server says: of some hosts another address, or none; each so-many-th answer comes late."""

    instead: dict[str, str] = field(default_factory=dict)
    slow_each: int | None = None


@dataclass(frozen=True)
class Options:
    """What was asked for. Times in seconds."""

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
    one_at_a_time: bool
