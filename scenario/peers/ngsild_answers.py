"""The parts of an NGSI-LD product's answers that the scenario reads."""

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
    """GET /q/health of Antares. No Quarkus application reports a store."""

    version: str
    store: str


class Product(msgspec.Struct, frozen=True):
    """GET /version of coraine."""

    product: str
    version: str


class OrionLdVersion(msgspec.Struct, frozen=True):
    """GET /version of Orion-LD."""

    version: str = msgspec.field(name="orionld version")
