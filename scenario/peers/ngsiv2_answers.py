"""The shapes of an NGSIv2 broker's answers, as far as the scenario reads them."""

from __future__ import annotations

from typing import Annotated

import msgspec

from scenario.peers.answers import Count


class Block(msgspec.Struct, frozen=True, rename="camel"):
    """notifQueue of GET /statistics; `size` is its size when a worker last took something."""

    entered: Count | None = msgspec.field(default=None, name="in")
    left: Count | None = msgspec.field(default=None, name="out")
    reject: Count | None = None
    sent_ok: Count | None = None
    sent_error: Count | None = None
    size: Count | None = None


class Statistics(msgspec.Struct, frozen=True, rename="camel"):
    notif_queue: Block | None = None


class CacheStatistics(msgspec.Struct, frozen=True):
    refresh: Count
    items: Count


class Listed(msgspec.Struct, frozen=True):
    """A subscription or an entity."""

    id: str
    description: str = ""
    status: str = ""


class Orion(msgspec.Struct, frozen=True):
    version: str


class Version(msgspec.Struct, frozen=True):
    orion: Orion


class Number(msgspec.Struct, frozen=True):
    value: Annotated[str, msgspec.Meta(pattern="^[0-9]{1,18}$")]


class Entity(msgspec.Struct, frozen=True):
    number: Number

    @property
    def written(self) -> int:
        return int(self.number.value)
