"""A cause: its sentence, its conditions, its evidence and its remedy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Flag, auto

from scenario.run.results import Diagnosis
from scenario.verdict.evidence import Evidence
from scenario.verdict.of_broker import neighbours_busy, nothing_reached, process_gone
from scenario.verdict.of_notifications import foreign_counts

Predicate = Callable[[Evidence], object]  # None: not measured
Words = Callable[[Evidence], str]


class Fails(Flag):
    """The failures of a run that a cause can explain."""

    NOK = auto()  # GET /version failed
    SLOW = auto()  # it, or the ordinary client, was answered too slowly
    CLIENT = auto()  # the ordinary client's updates or queries failed
    HELD = auto()  # too few connections were held
    HEALTHY = auto()  # healthy subscribers were notified late
    LOAD = auto()  # the load was not the one asked for
    MEASURED = auto()  # something could not be measured
    ENDED = auto()  # the run ended early


NOK, SLOW, CLIENT, HELD, HEALTHY, LOAD, MEASURED, ENDED = Fails
ALL = ~Fails(0)


class Supposes(Flag):
    """Assumptions of a cause. If one is known to be wrong, the cause is not named."""

    NOTHING = 0
    ALIVE = auto()  # the broker's process was there to the end
    OWN_COUNTS = auto()  # what was counted is the broker's own
    DESCRIPTORS = auto()  # it had descriptors left
    ROOM = auto()  # it took more clients
    REACHED = auto()  # requests reached it
    CPU = auto()  # its neighbours on the host left it the CPU that it needed


ALIVE, OWN_COUNTS, DESCRIPTORS, ROOM, REACHED, CPU = Supposes
_OTHERWISE: dict[Supposes, Predicate] = {
    ALIVE: process_gone,
    OWN_COUNTS: foreign_counts,
    DESCRIPTORS: lambda e: e.limits.out_of_descriptors,
    ROOM: lambda e: e.port.full,
    REACHED: nothing_reached,
    CPU: neighbours_busy,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Cause:
    """One line of the table. It holds if its needs are met, nothing speaks against it, and its assumptions are right.

    docs/causes.md, "Adding a cause", describes the fields.
    """

    name: str
    says: str
    needs: Sequence[Predicate]
    unless: Sequence[Predicate] = ()
    supposes: Supposes = Supposes.NOTHING
    explains: Fails
    evidence: Words
    remedy: Words | str
    outside: bool = False  # the broker's failures that it explains are INCONCLUSIVE: it does not lie with the broker
    last_resort: bool = False  # named only where nothing else explains the same
    distinguished_by: str = ""  # what would tell it from others, where something was not measured

    def holds(self, e: Evidence) -> bool | None:
        """Whether it is the cause; None: the measurements fit, but some are missing."""
        if any(_OTHERWISE[each](e) for each in self.supposes):
            return False
        there, against = [need(e) for need in self.needs], [each(e) for each in self.unless]
        if any(against) or not all(value is None or value for value in there):
            return False
        return None if None in there or None in against else True

    def diagnosis(self, e: Evidence) -> Diagnosis:
        """Return the cause with this run's figures."""
        remedy = self.remedy if isinstance(self.remedy, str) else self.remedy(e)
        return Diagnosis(self.name, self.says, self.evidence(e), remedy)


def limit(value: int | None) -> str:
    """Return a limit in words."""
    return "unlimited" if value is None else f"{value}"
