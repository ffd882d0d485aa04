"""Scorpio: one update at a time, and no limit of time for an answer. Measured on 5.0.3: docs/brokers.md."""

from __future__ import annotations

from typing import ClassVar

from scenario.peers.answers import WrongShapeError, parse
from scenario.peers.ngsild import NgsiLd
from scenario.peers.ngsild_answers import Info

PER_ADDRESS = 5  # connections of its HTTP client's pool for a host:port


class Scorpio(NgsiLd):
    """One tenant of a Scorpio."""

    kind: ClassVar[str] = "scorpio"
    product: ClassVar[str] = "Scorpio"
    process_name: ClassVar[str] = "java"
    about: ClassVar[str] = "/q/info"
    live: ClassVar[str] = "/q/health/live"
    ready: ClassVar[str] = "/q/health/ready"
    tries: ClassVar[int] = 4  # to connect, and of what was closed without an answer

    @classmethod
    def holds(cls, addresses: int, updates: int) -> int | None:
        return PER_ADDRESS * addresses

    @classmethod
    def version_in(cls, text: str) -> str:
        build = parse(text, Info).build
        if "ngsildbroker" not in build.group:
            raise WrongShapeError("another Quarkus application")
        return build.version
