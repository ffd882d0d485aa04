"""What a run against an NGSI-LD broker needs beside what all need."""

from __future__ import annotations

from collections.abc import Iterator

from scenario.peers import kind_of
from scenario.run.found import Found
from scenario.run.results import ERROR, OK, WARNING, Check
from scenario.settings.receivers import address_of


def _readiness(found: Found) -> Iterator[Check]:
    if problem := found.problems.get("readiness"):
        remedy = "see that its database runs, and that it reaches it"
        yield Check("readiness", ERROR, problem, "it reaches its database", remedy)


def _held(found: Found) -> Iterator[Check]:
    """Say how many it is known to hold: fewer than there are receivers is no fault of the run."""
    options, kind = found.options, kind_of(found.options)
    addresses = len({*map(address_of, options.slow_urls)})
    most = kind.holds(addresses, options.load.updates)
    if found.version is not None and most is not None and most < options.load.subscriptions * options.load.updates:
        at = "address" if addresses == 1 else "addresses"
        shown = f"{most} at most, as its kind is known to, with {addresses} receivers' {at}"
        yield Check("held at one time", OK, shown)


def _apart(found: Found) -> Iterator[Check]:
    """Say whether the healthy subscribers of another entity have an address of their own."""
    options = found.options
    if options.probes.healthy and options.healthy_address in map(address_of, options.slow_urls):
        remedy = "--notify-url takes several, or a range of ports as the listener's -port: the last address is theirs"
        shown = f"at {options.healthy_address}, as slow ones"
        yield Check("healthy subscribers", WARNING, shown, "an address of their own", remedy)


NGSILD = (_readiness, _held, _apart)
