"""Orion-LD by its NGSI-LD side (by its NGSIv2 side it is an Orion). Its source was read; it was not measured.

It notifies in the request's thread, after its answer, all receivers at one time, for 4 to 5 s.
"""

from __future__ import annotations

from typing import ClassVar

from scenario.peers.answers import parse
from scenario.peers.ngsild import NgsiLd
from scenario.peers.ngsild_answers import OrionLdVersion


class OrionLd(NgsiLd):
    """One tenant of an Orion-LD."""

    kind: ClassVar[str] = "orion-ld"
    product: ClassVar[str] = "Orion-LD"
    process_name: ClassVar[str] = "orionld"
    about: ClassVar[str] = "/version"
    live: ClassVar[str] = "/version"
    timeout: ClassVar[float | None] = 5.0

    @classmethod
    def version_in(cls, text: str) -> str:
        return parse(text, OrionLdVersion).version
