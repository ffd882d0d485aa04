"""Checks of records that were read back: their numbers, options and seconds."""

from __future__ import annotations

from typing import Any

import msgspec

from scenario.run.found import Found
from scenario.run.schedule import Schedule
from scenario.settings.arguments import check
from scenario.settings.values import LONGEST

YEAR_10000 = 253_402_300_800  # s since the epoch; dates have four-digit years
_LARGEST = 2**64
_NUMBERS = (
    *("subscriptions", "idle_connections", "baseline", "ramp", "cycles"),
    *("hold", "max_nok", "healthy", "healthy_slo", "version_slo", "rate"),
)


def misfit(record: Any, at: float) -> str:
    """Return what is impossible in a record that arrived `at`, or "". Raises OptionError."""
    if not 0 <= at < YEAR_10000:
        return f"at is not in the years 1970 to 9999: {at:g}"
    if not _small(msgspec.to_builtins(record)):
        return f"a number is beyond {_LARGEST}"
    if isinstance(record, Schedule):
        ordered = 0 <= record.start <= record.trigger <= record.end + 1 <= YEAR_10000
        if not ordered or record.end - record.start > 2 * LONGEST:
            return "start, trigger and end are no seconds of a run"
    if isinstance(record, Found):
        asked = record.options.by_name()
        check({name: asked[name] for name in _NUMBERS})
        if not 0 < asked["duration"] <= LONGEST:
            return "duration is impossible for a run"
    return ""


def _small(value: object) -> bool:
    match value:
        case dict():
            return all(map(_small, value.values()))
        case list() | tuple():
            return all(map(_small, value))
        case int() | float():
            return abs(value) <= _LARGEST
    return True
