"""coraine, by Orion-LD's author: works an update off in a server thread, after its answer, one subscription at a time.

Its HTTP server and client were measured on 0.3.0, with stand-ins for libraries that are not to be had.
"""

from __future__ import annotations

from typing import ClassVar

from scenario.peers.answers import WrongShapeError, parse
from scenario.peers.ngsild import NgsiLd
from scenario.peers.ngsild_answers import Product

THREADS = 32  # -cps


class Coraine(NgsiLd):
    """One tenant of a coraine."""

    kind: ClassVar[str] = "coraine"
    product: ClassVar[str] = "coraine"
    process_name: ClassVar[str] = "coraine"
    about: ClassVar[str] = "/version"
    live: ClassVar[str] = "/version"
    server_threads: ClassVar[int | None] = THREADS
    timeout: ClassVar[float | None] = 5.0  # -dtmo
    breaker: ClassVar[float | None] = 30.0  # -cms

    @classmethod
    def holds(cls, addresses: int, updates: int) -> int | None:
        return min(updates, THREADS)

    @classmethod
    def version_in(cls, text: str) -> str:
        answer = parse(text, Product)
        if answer.product != cls.product:
            raise WrongShapeError("another product")
        return answer.version
