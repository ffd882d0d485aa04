"""The shapes of an NGSI-LD broker's answers, as far as the scenario reads them."""

from __future__ import annotations

import msgspec

from scenario.peers.ngsiv2_answers import Number


class Listed(msgspec.Struct, frozen=True):
    """A subscription or an entity."""

    id: str
    type: str = ""
    description: str = ""


class Entity(msgspec.Struct, frozen=True):
    """The test's entity, as a query returns it."""

    number: Number

    @property
    def written(self) -> int:
        """The number of the update that it was last given."""
        return int(self.number.value)


class Build(msgspec.Struct, frozen=True):
    """What a Quarkus application was built from."""

    version: str
    group: str = ""


class Info(msgspec.Struct, frozen=True):
    """GET /q/info of a Quarkus application, as Scorpio is."""

    build: Build


class Health(msgspec.Struct, frozen=True):
    """GET /q/health of Antares: no Quarkus application tells a store."""

    version: str
    store: str


class Product(msgspec.Struct, frozen=True):
    """GET /version of coraine."""

    product: str
    version: str


class OrionLdVersion(msgspec.Struct, frozen=True):
    """GET /version of Orion-LD."""

    version: str = msgspec.field(name="orionld version")
