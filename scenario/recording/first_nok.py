"""The evidence at the first NOK: the broker's descriptors, as lsof lists them, and the listeners' statistics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import msgspec

from scenario.errors import InspectionError, ListenerError
from scenario.peers import listeners
from scenario.peers.inspector import Inspector
from scenario.run import events
from scenario.run.found import Found
from scenario.run.link import Link
from scenario.run.records import Evidence
from scenario.run.results import Verdict
from scenario.run.samples import VersionSample
from scenario.settings.options import Options


class FirstNok:
    """Collects the evidence once per run, on the master or in the only process, beside the probes."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._armed = False  # False: no run, or already collected
        events.on(Found, self._arm)
        events.on(VersionSample, self._look)
        events.on(Verdict, self._disarm)

    def _arm(self, _found: Found, **_: Any) -> None:
        self._armed = True

    def _disarm(self, _verdict: Verdict, **_: Any) -> None:
        self._armed = False

    def _look(self, sample: VersionSample, **_: Any) -> None:
        if sample.error and self._armed and self._link.run is not None:
            self._armed = False
            gevent.spawn(self._take, self._link.run.options, sample)

    def _take(self, options: Options, sample: VersionSample) -> None:
        when = sample.second - self._link.schedule.trigger if self._link.schedule else 0
        title = f"At second {when}, GET /version: {sample.error}"
        self._link.publish(Evidence("\n\n".join([title, *_tables(options)]) + "\n"))


def _tables(options: Options) -> Iterator[str]:
    if options.probes.connection_info:
        inspector = Inspector.of(options)
        try:
            yield inspector.evidence()
        except InspectionError as error:
            yield f"descriptors: {error}"
        finally:
            inspector.close()
    for address in options.listener_addresses:
        yield f"listener {address}: {_stats(address)}"


def _stats(address: str) -> str:
    try:
        stats = listeners.stats(address)
    except ListenerError as error:
        return str(error)
    return msgspec.json.encode(stats).decode() if stats else "it does not tell its stats"
