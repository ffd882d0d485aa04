"""The parts of an NGSIv2 broker's answers that the scenario reads."""

from __future__ import annotations

from typing import Any

import msgspec

from scenario.peers.answers import Count


class Block(msgspec.Struct, frozen=True, rename="camel"):
    """notifQueue of GET /statistics. `size` is the size at the time when a worker last took something."""

    entered: Count | None = msgspec.field(default=None, name="in")
    left: Count | None = msgspec.field(default=None, name="out")
    reject: Count | None = None
    sent_ok: Count | None = None
    sent_error: Count | None = None
    size: Count | None = None


class Statistics(msgspec.Struct, frozen=True, rename="camel"):
    """GET /statistics."""

    notif_queue: Block | None = None
    sem_wait: dict[str, Any] = {}  # s since the start, by semaphore; also a text that says whether it is on


class CacheStatistics(msgspec.Struct, frozen=True):
    """GET /cache/statistics."""

    refresh: Count
    items: Count


class Orion(msgspec.Struct, frozen=True):
    """What Orion reports about itself."""

    version: str
    libversions: Any = None  # with options=libVersions: an object, name to version
    uptime: str = ""  # for example "0 d, 1 h, 2 m, 3 s"


class Problem(msgspec.Struct, frozen=True):
    """The body of an error."""

    error: str
    description: str = ""


class Version(msgspec.Struct, frozen=True):
    """GET /version."""

    orion: Orion
