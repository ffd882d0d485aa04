"""Which subscriptions were notified of which update, once or twice, over all processes of a listener.

A notification has its subscription in `subscriptionId`, and its update in the entity's attribute `number`: decimal
digits, best as Text, because a broker may change a float. The number grows with each update, from run to run too.
Only the first bytes of the body are searched. Parsing it would cost more than holding the notification.
"""

from __future__ import annotations

import mmap
import re
from collections import Counter
from functools import cache
from itertools import chain

UPDATES = 8  # number of remembered updates, the newest ones
IDS = 1 << 18  # remembered notifications per update
SUBSCRIPTION = re.compile(rb'"subscriptionId"\s{0,9}:\s{0,9}"([^"]{1,256})"')
_NUMBER, _COUNT, _FIRST = 0, 1, 2  # cells of one update in one process; from the last one on subscriptions


@cache
def attribute(name: str) -> re.Pattern[bytes]:
    """Return a pattern for the number in an attribute's value, as in NGSIv2, NGSI-LD or keyValues."""
    value = rb'(?:\{[^{}]{0,99}?"value"\s{0,9}:\s{0,9})?"?(\d{1,18})(?![\w.])'
    return re.compile(rb'"%b"\s{0,9}:\s{0,9}%b' % (name.encode(), value))


def subscription_of(body: bytes) -> int | None:
    """Return a number that stands for the subscription, the same in all processes of a listener; None without one."""
    found = SUBSCRIPTION.search(body)
    return hash(found[1]) if found else None


def number_of(body: bytes, name: str = "number") -> int | None:
    """Return the number in the value of an attribute, or None if there is none."""
    found = attribute(name).search(body)
    return int(found[1]) if found else None


class Notified:
    """What all processes recorded, in shared memory, 8 bytes per notification. Create it before they are forked."""

    def __init__(self, processes: int) -> None:
        self._ids = IDS // processes
        self._size = _FIRST + self._ids
        self._cells = memoryview(mmap.mmap(-1, 8 * processes * UPDATES * self._size)).cast("q")
        self._starts = range(0, len(self._cells), UPDATES * self._size)
        self._entries: dict[int, dict[str, int]] = {}

    def note(self, process: int, body: bytes) -> bool:
        """Record what process number `process` received. Return whether it had update and subscription."""
        number, subscription = number_of(body), subscription_of(body)
        if number is None or subscription is None:
            return False
        cells, at = self._cells, self._at(process, number)
        if cells[at] != number:
            if number < cells[at]:  # at least UPDATES updates later than the others
                return True
            cells[at + _COUNT] = 0
            cells[at] = number
        count = cells[at + _COUNT]
        if count < self._ids:
            cells[at + _FIRST + count] = subscription
        cells[at + _COUNT] = count + 1
        return True

    def newest(self) -> dict[str, int] | None:
        """Return the entry of `all` for the newest update, or None before the first."""
        number = max(self._cells[:: self._size])
        return self._tell(number) if number else None

    def all(self) -> list[dict[str, int]]:
        """Return the counts of each remembered update, the oldest first.

        `notifications` of the `update`; `subscriptions` that had one or more; `doubled`, those that had more than one;
        `forgotten`, notifications whose subscription was not recorded, because there were too many. If `forgotten` is
        0, the others are exact.
        """
        return [self._tell(number) for number in sorted(set(self._cells[:: self._size])) if number]

    def _at(self, process: int, number: int) -> int:
        return self._starts[process] + number % UPDATES * self._size

    def _tell(self, number: int) -> dict[str, int]:
        mine = [at for process in range(len(self._starts)) if self._cells[at := self._at(process, number)] == number]
        counts = [self._cells[at + _COUNT] for at in mine]
        entry = self._entries.get(number)
        if entry and entry["notifications"] == sum(counts):
            return entry
        starts = [at + _FIRST for at in mine]
        logs = [self._cells[start : start + min(count, self._ids)] for start, count in zip(starts, counts, strict=True)]
        known, subscriptions = sum(map(len, logs)), len(set(chain(*logs)))
        doubled = sum(times > 1 for times in Counter(chain(*logs)).values()) if subscriptions < known else 0
        entry = {"update": number, "notifications": sum(counts), "subscriptions": subscriptions, "doubled": doubled}
        self._entries = {
            **dict(list(self._entries.items())[-UPDATES:]),
            number: entry | {"forgotten": sum(counts) - known},
        }
        return self._entries[number]
