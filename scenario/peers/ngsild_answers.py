"""The shapes of an NGSI-LD broker's answers, as far as the scenario reads them."""

from __future__ import annotations

import msgspec


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
