"""The progress of a hold beside its rows: subscriptions, update, idle clients, end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from scenario.peers.failures import Kind
from scenario.run.records import Ended, IdleClients, Reset, Seeded, StillSent, Unforeseen, Update


@dataclass(frozen=True)
class Progress:
    """The flow reads it to continue, the verdict reads it to judge."""

    existing: int = 0  # subscriptions that existed before (--no-reset)
    left: int = 0  # subscriptions left after their database was dropped
    created: int = 0
    refused: int = 0
    refusal: str = ""
    update: Update | None = None
    idle: IdleClients | None = None
    still_sent: int = 0  # notifications of removed subscriptions
    interrupted: str = ""  # the phase in which the run was stopped; "": it was not
    failures: tuple[str, ...] = ()  # reasons for FAIL that are not in the rows
    missing: tuple[str, ...] = ()  # reasons for INCONCLUSIVE
    kinds: dict[str, Kind] = field(default_factory=dict)  # kinds of these texts and of `refusal`, if known

    def after(self, record: object) -> Progress:  # noqa: PLR0911 - a line per kind
        """Return the progress after one more record."""
        match record:
            case Reset():
                return replace(self, existing=record.existing, left=record.left)
            case Seeded():
                created, refused = self.created + record.created, self.refused + record.refused
                noted = self._noted(record.error, record.failure)
                return replace(noted, created=created, refused=refused, refusal=self.refusal or record.error)
            case Update():
                return replace(self, update=record)
            case StillSent():
                return replace(self, still_sent=record.number)
            case IdleClients():
                return replace(self, idle=record)
            case Ended(failed=True):
                noted = self._noted(record.reason, record.failure)
                return replace(noted, failures=(*self.failures, record.reason))
            case Ended():
                return replace(self._noted(record.reason, record.failure), missing=(*self.missing, record.reason))
            case Unforeseen():
                lack = f"unforeseen, in {record.where}: {record.error} (the log has the traceback)"
                return self if lack in self.missing else replace(self, missing=(*self.missing, lack))
        return self

    def _noted(self, text: str, kind: Kind | None) -> Progress:
        return replace(self, kinds={**self.kinds, text: kind}) if kind else self
