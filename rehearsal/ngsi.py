"""NGSIv2's JSON and headers: how they are checked, and how MongoDB stores them.

The error messages are Orion 3.10.1's if its answers were recorded (tests/test_rehearsal_broker.py), otherwise similar.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import urlsplit

from bson import ObjectId

from rehearsal.subscriptions import Document

ACTIONS = ("append", "appendstrict", "delete", "replace", "update")
NEVER = 2**63 - 1  # what Orion writes for a subscription that does not expire
_TYPES = {bool: "Boolean", int: "Number", float: "Number", str: "Text", type(None): "None"}
_Kind = TypeVar("_Kind", dict[str, object], list[object], str, int)


class BrokerError(Exception):
    """An error that the broker answers; its text is the description."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status, self.error = status, error


def checked_service(service: str) -> str:
    """Return a service in lower case. Raises BrokerError if Orion would refuse it."""
    if not re.fullmatch(r"\w*", service, re.ASCII):
        raise _bad("bad character in tenant name - only underscore and alphanumeric characters are allowed")
    if len(service) > 50:
        raise _bad("bad length - a tenant name can be max 50 characters long")
    return service.lower()


def checked_path(path: str) -> str:
    """Return a service path. Raises BrokerError if it is not absolute."""
    if path and not path.startswith("/"):
        raise _bad("Only /absolute/ Service Paths allowed [a service path must begin with /]")
    return path


def path_query(path: str, field: str = "servicePath") -> Document:
    """Return MongoDB's query for a service path, which may end in /# for all paths below."""
    if path in ("", "/#"):
        return {}
    if path.endswith("/#"):
        return {field: {"$regex": f"^{re.escape(path[:-2])}(/|$)"}}
    return {field: path}


def entity_query(query: Mapping[str, list[str]], path: str) -> Document:
    """Return MongoDB's query for the entities of ?id=, ?idPattern= and ?type= in a service path."""
    found = path_query(path, "_id.servicePath")
    for name in ("id", "type"):
        if name in query:
            found[f"_id.{name}"] = {"$in": query[name][0].split(",")}
    if "idPattern" in query:
        found["_id.id"] = {"$regex": query["idPattern"][0]}
    return found


def page(query: Mapping[str, list[str]]) -> tuple[int, int]:
    """Return limit and offset. Raises BrokerError if they are not numbers in Orion's range."""
    limit, offset = query.get("limit", ["20"])[0], query.get("offset", ["0"])[0]
    for name, text in (("limit", limit), ("offset", offset)):
        if not text.isdecimal():
            raise _bad(f"Bad pagination {name}: /{text}/ [must be a decimal number]")
    if not 1 <= int(limit) <= 1000:
        raise _bad(
            f"Bad pagination limit: /{limit}/ [{'max: 1000' if int(limit) else 'a value of ZERO is unacceptable'}]"
        )
    return int(limit), int(offset)


def subscription_document(body: Document, service_path: str, max_fails: int) -> Document:
    """Return a new subscription as the collection `csubs` has it."""
    if "subject" not in body:
        raise _bad("no subject for subscription specified")
    if "notification" not in body:
        raise _bad("no notification for subscription specified")
    subject, notification = _part(body, "subject", {}), _part(body, "notification", {})
    url = _part(_part(notification, "http", {}), "url", "")
    _check_url(url)
    return {
        "_id": ObjectId(),
        "expiration": NEVER,
        "reference": url,
        "custom": False,
        "timeout": 0,
        "throttling": 0,
        "maxFailsLimit": _part(notification, "maxFailsLimit", max_fails),
        "servicePath": service_path or "/",
        "status": "active",
        "statusLastChange": time.time(),
        "entities": [_subject(entity) for entity in _part(subject, "entities", [])],
        "attrs": _attribute_names(notification),
        "description": _part(body, "description", ""),
        "conditions": _attribute_names(_part(subject, "condition", {})),
        "format": "normalized",
    }


def update_action(body: Document) -> str:
    """Return the action of POST /v2/op/update in lower case."""
    action = str(body.get("actionType", "")).lower()
    if action not in ACTIONS:
        raise _bad("invalid update action type: right ones are: append, appendStric, delete, replace, update")
    return action


def entities(body: Document) -> list[tuple[str, str, dict[str, Document]]]:
    """Return id, type and attributes, with all defaults, of each entity of POST /v2/op/update."""
    return [_entity(entity) for entity in _part(body, "entities", [])]


def entity_json(entity_id: str, entity_type: str, attributes: dict[str, Document], wanted: tuple[str, ...]) -> str:
    """Return an entity as in a notification, with the `wanted` attributes (empty: all)."""
    chosen = {name: attributes[name] for name in wanted or attributes if name in attributes}
    return json.dumps({"id": entity_id, "type": entity_type} | chosen, separators=(",", ":"))


def not_found(what: str, check: str) -> BrokerError:
    """Return the error for something that does not exist."""
    return BrokerError(404, "NotFound", f"The requested {what} has not been found. Check {check}")


def _bad(description: str) -> BrokerError:
    return BrokerError(400, "BadRequest", description)


def _part(whole: object, name: str, usual: _Kind) -> _Kind:
    """Return a member of an object, or `usual` if it is absent. Raises BrokerError if its type is another."""
    value = whole.get(name, usual) if isinstance(whole, dict) else None
    if not isinstance(value, type(usual)):
        raise _bad(f"{name} is not of the right JSON type")
    return value


def _attribute_names(whole: object) -> list[object]:
    names = _part(whole, "attrs", [])
    if not all(isinstance(name, str) for name in names):
        raise _bad("attrs is not of the right JSON type")
    return names


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        valid = parts.scheme == "http" and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise _bad("Invalid URL parsing notification url")


def _subject(entity: object) -> Document:
    names = entity if isinstance(entity, dict) else {}
    is_pattern, is_type_pattern = "idPattern" in names, "typePattern" in names
    entity_id = _part(entity, "idPattern" if is_pattern else "id", "")
    entity_type = _part(entity, "typePattern" if is_type_pattern else "type", "")
    if not entity_id:
        raise _bad("subject entities element has neither id nor idPattern")
    try:
        re.compile(entity_id if is_pattern else "")
        re.compile(entity_type if is_type_pattern else "")
    except re.error:
        raise _bad("Invalid regex for entity id pattern") from None
    return {
        "id": entity_id,
        "isPattern": is_pattern,
        **({"type": entity_type, "isTypePattern": is_type_pattern} if entity_type else {}),
    }


def _entity(entity: object) -> tuple[str, str, dict[str, Document]]:
    entity_id, entity_type = _part(entity, "id", ""), _part(entity, "type", "Thing")
    if not entity_id:
        raise _bad("entity id length: 0, min length supported: 1")
    attributes = {}
    for name, attribute in entity.items() if isinstance(entity, dict) else ():
        if name in ("id", "type"):
            continue
        if not isinstance(attribute, dict):
            raise _bad("attribute must be a JSON object, unless keyValues option is used")
        value = attribute.get("value")
        attributes[name] = {
            "type": attribute.get("type", _TYPES.get(type(value), "StructuredValue")),
            "value": value,
            "metadata": attribute.get("metadata", {}),
        }
    return entity_id, entity_type, attributes
