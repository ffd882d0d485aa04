"""Antares: one notification at a time, a breaker for receivers that time out. Measured on 0.1.0: docs/brokers.md."""

from __future__ import annotations

from typing import ClassVar

from scenario.peers.answers import parse
from scenario.peers.ngsild import NgsiLd
from scenario.peers.ngsild_answers import Health


class Antares(NgsiLd):
    """One tenant of an Antares."""

    kind: ClassVar[str] = "antares"
    product: ClassVar[str] = "Antares"
    process_name: ClassVar[str] = "antares"
    about: ClassVar[str] = "/q/health"
    live: ClassVar[str] = "/q/health"
    ready: ClassVar[str] = "/q/ready"
    timeout: ClassVar[float | None] = 5.0
    breaker: ClassVar[float | None] = 30.0
    most_changes: ClassVar[int | None] = 1024

    @classmethod
    def holds(cls, addresses: int, updates: int) -> int | None:
        return 1

    @classmethod
    def version_in(cls, text: str) -> str:
        return parse(text, Health).version
