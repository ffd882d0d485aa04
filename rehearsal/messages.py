"""The broker's requests and answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from rehearsal.ngsi import BrokerError
from rehearsal.subscriptions import Document


@dataclass(frozen=True)
class Request:
    """A request with valid headers. `id` is the last part of its path, empty without one."""

    service: str
    service_path: str
    correlator: str
    id: str
    query: Mapping[str, list[str]]
    content_type: str
    body: bytes

    def json(self) -> Document:
        """Return the body. Raises BrokerError if it is not a JSON object or has another Content-Type."""
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
    """The broker's answer; `body` is sent as JSON, None: no body."""

    status: int = 200
    body: object = None
    headers: list[tuple[str, str]] = field(default_factory=list)


def counted(number: int) -> list[tuple[str, str]]:
    """Return the header of ?options=count."""
    return [("Fiware-Total-Count", str(number))]
