"""Additional checks for NGSI-LD brokers."""

from __future__ import annotations

from collections.abc import Iterator

from scenario.peers import known_to_hold
from scenario.run.found import Found
from scenario.run.results import ERROR, OK, WARNING, Check


def check_ngsild(found: Found) -> Iterator[Check]:
    """Check what the preflight found of an NGSI-LD broker."""
    for look in (_readiness, _held, _apart):
        yield from look(found)


def _readiness(found: Found) -> Iterator[Check]:
    if problem := found.problems.get("readiness"):
        remedy = "check that its database runs, and that the broker reaches it"
        yield Check("readiness", ERROR, problem, "the broker reaches its database", remedy)


def _held(found: Found) -> Iterator[Check]:
    """Report how many notifications this kind of broker can hold, if that is less than the load."""
    options, most = found.options, known_to_hold(found.options)
    addresses = len({*options.slow_addresses})
    if found.version is not None and most is not None and most < options.load.notifications:
        at = "address" if addresses == 1 else "addresses"
        shown = f"this kind of broker holds {most} at most, with receivers at {addresses} {at}"
        yield Check("held at one time", OK, shown)


def _apart(found: Found) -> Iterator[Check]:
    """Warn if the healthy subscribers share an address with slow receivers."""
    options = found.options
    if options.probes.healthy and options.healthy_address in options.slow_addresses:
        remedy = "use several --notify-url, or a range of ports like the listener's -port: the last address is for them"
        shown = f"at {options.healthy_address}, like slow receivers"
        yield Check("healthy subscribers", WARNING, shown, "an address of their own", remedy)
