"""Reads recordings of format 1 as the current format. Some records had other names, and failures had no kind.

The sentences are those of the versions that wrote such files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from scenario.peers.failures import Kind
from scenario.run.found import Found
from scenario.run.phase import Phase
from scenario.run.records import Accepted, Ended, PhaseBegan, RunBegan, Seeded, Update
from scenario.run.samples import (
    ClientSample,
    ConnectionSample,
    ListenerSample,
    QueueSample,
    VersionSample,
)

_SENTENCES = (
    ("null DB connection", Kind.NEVER_CONNECTED),
    ("Database Error|^the database at |: the database at ", Kind.NO_DATABASE),
    ("200 without the entity", Kind.NOT_STORED),
    ("may not look into", Kind.NOT_ALLOWED),
    ("of its control group for lack of memory", Kind.KILLED_FOR_MEMORY),
    ("on this host for lack of memory", Kind.KILLED_ON_HOST),
    ("has a name that starts with|ended while it was looked at", Kind.NO_PROCESS),
    ("connection refused", Kind.REFUSED),
    ("no connection within the time limit", Kind.NO_CONNECTION),
    ("no answer within|no whole answer within|did not answer within|still busy", Kind.NO_ANSWER),
    ("closed without an answer|closed while the request was sent", Kind.CLOSED),
    ("connection reset", Kind.RESET),
    ("host name unknown", Kind.NAME_UNKNOWN),
    ("certificate|TLS", Kind.CERTIFICATE),
    ("a redirect to", Kind.REDIRECT),
    ("HTTP 40[13]", Kind.DENIED),
    ("HTTP 429", Kind.TOO_MANY_REQUESTS),
    ("HTTP 50[234]", Kind.GATEWAY),
    ("200 with|201 with", Kind.CONTENT),
    (r"HTTP \d", Kind.STATUS),
)


@dataclass(frozen=True)
class NamedPhase:
    """What the run entered, by its name: a phase, its beginning, or a step."""

    name: str

    def today(self) -> RunBegan | PhaseBegan | None:
        """Return the current record; None for a step, because HoldBegan has it."""
        if self.name == Phase.PREFLIGHT:
            return RunBegan()
        return PhaseBegan(Phase(self.name)) if self.name in set(Phase) else None


FORMER_KINDS: dict[str, type] = {"Phase": NamedPhase, "Began": Accepted}


def with_kinds(record: Any) -> Any:
    """Return a record of format 1 with the kinds of its failures."""
    match record:
        case VersionSample() | QueueSample() | ConnectionSample() | Seeded() | Update() if record.error:
            return replace(record, failure=kind(record.error))
        case ClientSample():
            kinds = [kind(text) if text else None for text in (record.update_error, record.query_error)]
            return replace(record, update_failure=kinds[0], query_failure=kinds[1])
        case ListenerSample() if record.error:
            parts = [text.partition(": ") for text in record.error.split("; ")]
            return replace(record, failures={address: kind(text) for address, _, text in parts})
        case Ended() if (found := kind(record.reason)) is not Kind.OTHER:
            return replace(record, failure=found)
        case Found():
            return replace(record, kinds={name: kind(text) for name, text in record.problems.items()})
    return record


def kind(text: str) -> Kind:
    """Return the kind for a sentence of those versions."""
    return next((kind for words, kind in _SENTENCES if re.search(words, text)), Kind.OTHER)
