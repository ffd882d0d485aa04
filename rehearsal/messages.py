"""A request that the broker understands, and its answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from rehearsal.ngsi import BrokerError
from rehearsal.subscriptions import Document


@dataclass(frozen=True)
class Request:
    """A request whose headers are valid; `id` is what its path ends in, where a path takes one."""

    service: str
    service_path: str
    correlator: str
    id: str
    query: Mapping[str, list[str]]
    content_type: str
    body: bytes

    def json(self) -> Document:
        """Return the body; BrokerError when it is not a JSON object, or not said to be one."""
        if not self.body:
            raise BrokerError(411, "ContentLengthRequired", "Zero/No Content-Length in PUT/POST/PATCH request")
        if self.content_type.partition(";")[0].strip() != "application/json":
            raise BrokerError(415, "UnsupportedMediaType", f"not supported content type: {self.content_type}")
        try:
            body = json.loads(self.body)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise BrokerError(400, "ParseError", "Errors found in incoming JSON buffer")
        return body

    def has(self, option: str) -> bool:
        """Whether `option` is one of ?options=."""
        return option in self.query.get("options", [""])[0].split(",")


@dataclass(frozen=True)
class Answer:
    """What goes back; a `body` of None is an empty one."""

    status: int = 200
    body: object = None
    headers: list[tuple[str, str]] = field(default_factory=list)


def counted(number: int) -> list[tuple[str, str]]:
    """Return the header that ?options=count asks for."""
    return [("Fiware-Total-Count", str(number))]
