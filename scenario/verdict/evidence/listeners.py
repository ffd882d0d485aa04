"""The listeners: arrived, held, answered and lost notifications, and listeners that could not be reached."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address

from scenario.peers.failures import Kind
from scenario.run.samples import ListenerSample
from scenario.verdict.evidence.counters import grown, most
from scenario.verdict.evidence.load import Load
from scenario.verdict.hold import Hold

UNREACHABLE = frozenset({Kind.REFUSED, Kind.NO_CONNECTION, Kind.NAME_UNKNOWN, Kind.NO_ROUTE})


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Listeners:
    """All listeners together. None: not measured, because they have no statistics."""

    hold: Hold
    load: Load

    @cached_property
    def samples(self) -> list[ListenerSample]:
        """Their samples."""
        return [row.listener for row in self.hold.rows if row.listener and not row.listener.error]

    @property
    def delay(self) -> float | None:
        """Their delay in s."""
        return self.hold.found.delay

    @property
    def several(self) -> str:
        """The host:port at which different listeners answered in turn, or ""."""
        ids: dict[str, set[str]] = {at: set(found) for at, found in self.hold.found.listener_ids.items()}
        for sample in self.samples:
            for at, identity in sample.ids.items():
                ids.setdefault(at, set()).add(identity)
        return next((at for at, different in ids.items() if len(different) > 1), "")

    @property
    def tells_ids(self) -> bool:
        """Whether they report which one answered."""
        return bool(self.hold.found.listener_ids) or any(sample.ids for sample in self.samples)

    @property
    def named(self) -> bool:
        """Whether one of them has a name that a name server has to resolve."""
        hosts = {address.rpartition(":")[0].strip("[]") for address in self.addresses}
        return not all(map(_is_address, hosts))

    @property
    def nofile(self) -> int | None:
        """The lowest of their limits on open files."""
        return min((stats.limits.nofile_soft for stats in self.hold.found.listeners.values() if stats), default=None)

    @property
    def addresses(self) -> set[str]:
        """Their host:port."""
        return set(self.hold.options.listener_addresses)

    @property
    def held(self) -> int | None:
        """The most notifications that they held at one time."""
        return most(s.held for s in self.samples)

    @cached_property
    def of_update(self) -> ListenerSample | None:
        """The last sample of the hold's update; None if they never reported one."""
        update = self.hold.progress.update
        samples = [row.listener for row in self.hold.rows if row.listener and row.listener.update is not None]
        if update is None or not samples:
            return None
        known = [sample for sample in samples if sample.update == update.number]
        return known[-1] if known else ListenerSample(0, 0.0, notifications=0, notified=0, doubled=0)

    @property
    def notified(self) -> int | None:
        """Subscriptions that the update notified; of several updates at once: notifications."""
        if self.hold.options.load.updates > 1:
            return self.of_update.notifications if self.of_update else None
        return self.of_update.notified if self.of_update else None

    @property
    def never_arrived(self) -> int | None:
        """Notifications that no listener had."""
        known = any(sample.update is not None for sample in self.samples)
        return max(0, self.load.expected - (self.notified or 0)) if known else None

    @cached_property
    def accepted(self) -> int | None:
        """Connections that they accepted before they closed any."""
        before = [s for s in self.samples if (grown([self.samples[0], s], "received") or 0) <= self.load.few]
        return grown(before, "accepted")

    @property
    def abandoned(self) -> int | None:
        """Notifications that the broker gave up while the listeners still held them."""
        return grown(self.samples, "abandoned")

    @property
    def pauses(self) -> int:
        """How often they had no descriptors left; 0 if not measured."""
        return grown(self.samples, "out_of_descriptors") or 0

    @cached_property
    def unreachable(self) -> Counter[tuple[str, Kind]]:
        """Rows from the update on, if more than one, in which a listener could not be reached: (host:port, why)."""
        failures = [each for row in self.hold.loaded if row.listener for each in row.listener.failures.items()]
        seen = Counter((address, kind) for address, kind in failures if kind in UNREACHABLE)
        return Counter({failure: rows for failure, rows in seen.items() if rows > 1})
