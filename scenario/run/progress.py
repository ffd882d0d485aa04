"""What a hold has come to beside its rows: subscriptions created, the update, the idle clients, how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from scenario.peers.failures import Kind
from scenario.run.records import Ended, IdleClients, Reset, Seeded, StillSent, Unforeseen, Update


@dataclass(frozen=True)
class Progress:
    """The flow reads it to go on, the verdict to judge."""

    existing: int = 0  # subscriptions that were there before (--no-reset)
    left: int = 0  # subscriptions that were there after their database was dropped
    created: int = 0
    refused: int = 0
    refusal: str = ""
    update: Update | None = None
    idle: IdleClients | None = None
    still_sent: int = 0  # notifications of subscriptions that had been removed
    interrupted: str = ""  # the phase in which somebody stopped the run
    failures: tuple[str, ...] = ()  # what makes the run a FAIL beside its rows
    missing: tuple[str, ...] = ()  # what makes it INCONCLUSIVE
    kinds: dict[str, Kind] = field(default_factory=dict)  # of these texts, and of `refusal`, as far as they have one

    def after(self, record: object) -> Progress:  # noqa: PLR0911 - a line per kind
        """Return what it has come to after one more record."""
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
