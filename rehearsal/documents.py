"""Subscriptions and entities as MongoDB stores them, and as GET shows them."""

from __future__ import annotations

import time

from rehearsal.subscriptions import Document


def subscription_shown(document: Document, status: str, history: Document) -> Document:
    """Return a stored subscription as GET /v2/subscriptions shows it, with status and history from the cache."""
    entities = [
        {("idPattern" if entity["isPattern"] in (True, "true") else "id"): entity["id"]}
        | ({("typePattern" if entity.get("isTypePattern") else "type"): entity["type"]} if entity.get("type") else {})
        for entity in document["entities"]
    ]
    limit = document.get("maxFailsLimit", -1)
    return {
        "id": str(document["_id"]),
        **({"description": document["description"]} if document.get("description") else {}),
        "status": status,
        "subject": {"entities": entities, "condition": {"attrs": document["conditions"]}},
        "notification": {
            "attrs": document["attrs"],
            "attrsFormat": document["format"],
            "http": {"url": document["reference"]},
            **history,
            **({"maxFailsLimit": limit} if limit > 0 else {}),
        },
    }


def stored_attributes(document: Document | None) -> dict[str, Document]:
    """Return the attributes of a stored entity by name, as ngsi.entities() does; none if the entity is None."""
    return {
        name.replace("=", "."): {"type": stored["type"], "value": stored["value"], "metadata": stored.get("md", {})}
        for name, stored in (document["attrs"] if document else {}).items()
    }


def entity_document(
    key: Document, attributes: dict[str, Document], before: Document | None, correlator: str
) -> Document:
    """Return an entity as Orion 4.7.0 stores it in `entities`. `before` is the stored one; None: it is new."""
    now = time.time()
    stored = {}
    for name, attribute in attributes.items():
        stored[name.replace(".", "=")] = {
            "value": attribute["value"],
            "type": attribute["type"],
            "creDate": before["creDate"] if before else now,
            "modDate": now,
            **({"md": attribute["metadata"]} if attribute["metadata"] else {}),
            "mdNames": list(attribute["metadata"]),
        }
    return {
        "_id": before["_id"] if before else key,
        "attrNames": list(attributes),
        "attrs": stored,
        "creDate": before["creDate"] if before else now,
        "modDate": now,
        "lastCorrelator": correlator,
    }


def entity_shown(document: Document, values_only: bool) -> Document:
    """Return a stored entity as GET /v2/entities shows it; `values_only`: with ?options=keyValues."""
    attributes = stored_attributes(document)
    shown_attributes = {name: part["value"] if values_only else part for name, part in attributes.items()}
    return {"id": document["_id"]["id"], "type": document["_id"]["type"]} | shown_attributes
