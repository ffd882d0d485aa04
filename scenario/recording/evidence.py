"""The snapshot at the first NOK: the broker's descriptors as lsof would list them, and what the listeners tell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from locust.env import Environment

import gevent

from scenario.peers import listeners
from scenario.peers.inspector import InspectionError, Inspector
from scenario.run import events
from scenario.run.records import Probe
from scenario.run.run import Run
from scenario.settings.options import Options


class Evidence:
    """Takes it once per run, on the master or in the only process, beside the probes; fires `evidence_taken`."""

    def __init__(self, environment: Environment) -> None:
        self._run: Run | None = None
        events.run_started.add_listener(self._start)
        events.version_probed.add_listener(self._look)
        events.run_judged.add_listener(self._end)
        environment.events.quit.add_listener(self._end)

    def _start(self, run: Run, **_: Any) -> None:
        self._run = run

    def _end(self, **_: Any) -> None:
        self._run = None

    def _look(self, record: Probe) -> None:
        if record.error and self._run is not None:
            run, self._run = self._run, None
            gevent.spawn(_take, run, record)


def _take(run: Run, record: Probe) -> None:
    when = record.second - run.schedule.trigger if run.schedule else 0
    title = f"At second {when}, GET /version: {record.error}"
    events.evidence_taken.fire(text="\n\n".join([title, *_tables(run.options)]) + "\n")


def _tables(options: Options) -> Iterator[str]:
    if options.connection_info:
        inspector = Inspector.of(options)
        try:
            yield inspector.evidence()
        except InspectionError as error:
            yield f"descriptors: {error}"
        finally:
            inspector.close()
    for address in dict.fromkeys(options.listener_addresses):
        yield f"listener {address}: {_stats(address)}"


def _stats(address: str) -> str:
    try:
        return json.dumps(listeners.stats(address) or "it does not tell its stats")
    except listeners.ListenerError as error:
        return str(error)
