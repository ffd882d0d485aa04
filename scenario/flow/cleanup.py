"""The end of a run: remove what it created in the broker. Subscriptions would go on notifying for ever.

They are removed one by one through the broker, over one connection. Orion 4.7.0 removes 5,000 in 4 s that way, and in
6 s over 4 or 8 connections. Dropping the database takes 0.2 s, but the subscription cache would go on notifying until
its refresh. So the database is dropped only if the broker no longer answers, the run also dropped it at its start, and
it holds nothing but the test's data.
"""

from __future__ import annotations

import logging
import shlex
import time
from collections import deque
from typing import Any

import gevent

from scenario.errors import BrokerError, DatabaseError
from scenario.peers import broker_of, client_of, database, drops_database, kind_of
from scenario.recording.recorder import Recorder
from scenario.run import events
from scenario.run.link import Link
from scenario.run.phase import Phase
from scenario.run.records import PhaseBegan, RunBegan, Said, Trouble, Unforeseen
from scenario.run.run import Run
from scenario.settings.mongo_uri import HIDDEN
from scenario.settings.options import Options
from scenario.settings.secrets import redacted

LIMIT = 60.0  # s in all
_log = logging.getLogger(__name__)


class Cleanup:
    """Removes what a run created, once. The flow asks for it at its end, or the user by stopping the run."""

    def __init__(self, link: Link, recorder: Recorder) -> None:
        self._link, self._recorder = link, recorder
        self._due = False
        self._work: gevent.Greenlet[[Run], None] | None = None
        events.on(RunBegan, self._begin)
        events.on(PhaseBegan, self._note)

    def _begin(self, _began: RunBegan, **_: Any) -> None:
        self._due, self._work = False, None

    def _note(self, began: PhaseBegan, **_: Any) -> None:
        self._due |= began.phase is Phase.SEED

    def run(self) -> None:
        """Remove it and wait until that is done. Does nothing with --keep, or if the run created nothing."""
        run = self._link.run
        if not self._due or run is None or run.options.broker.keep:
            return
        if self._work is None:
            if self._recorder.phase is not Phase.CLEANUP:
                self._link.publish(PhaseBegan(Phase.CLEANUP))
            self._work = gevent.spawn(self._clean, run)
        self._work.join()

    def give_up(self) -> None:
        if self._work is not None:
            self._work.kill(block=False)

    def _clean(self, run: Run) -> None:
        try:
            self._remove(run)
        except gevent.GreenletExit:
            self._tell(run, "stopped")
        except Exception as error:
            _log.exception("the cleanup failed")
            self._link.publish(Unforeseen("the cleanup", repr(error)))

    def _remove(self, run: Run) -> None:
        removed = 0
        started = said = time.monotonic()
        try:
            with gevent.Timeout(LIMIT, BrokerError(f"it took more than {LIMIT:.0f} s")):
                for removed in broker_of(run.options, run.id).remove_all():
                    if time.monotonic() - said > 1:
                        said = time.monotonic()
                        self._say(f"{removed} subscriptions removed so far")
                if run.options.probes.client:
                    deque(client_of(run.options, run.id).remove_all(), maxlen=0)
        except BrokerError as error:
            self._do_without(run, str(error))
        else:
            self._say(f"removed {removed} subscriptions in {time.monotonic() - started:.1f} s, and the entity")

    def _do_without(self, run: Run, problem: str) -> None:
        """Drop the database if that is allowed. Otherwise report what is left."""
        options, found = run.options, self._recorder.found
        assert found is not None
        try:
            if (
                not drops_database(options)
                or database.look(options.broker.mongo, found.database, broker_of(options).own_documents).foreign
            ):
                self._tell(run, problem)
                return
            database.drop(options.broker.mongo, found.database)
        except DatabaseError as error:
            self._tell(run, f"{problem}; {error}")
        else:
            self._say(f"{problem}; dropped the database {found.database} instead")

    def _tell(self, run: Run, problem: str) -> None:
        text = (
            f"cleanup: subscriptions of the run are left ({problem}); remove them with: {command(run.options, run.id)}"
        )
        self._link.publish(Trouble(text))

    def _say(self, text: str) -> None:
        self._link.publish(Said(Phase.CLEANUP, text))


def command(options: Options, run: str) -> str:
    """Return the command that removes what a run created."""
    broker, access = options.broker, options.broker.access
    scope = {"--broker": "ngsi-ld"} if kind_of(options).speaks_ngsild else {"--service-path": broker.service_path}
    given = {"--host": redacted(broker.host), "--service": broker.service, **scope}
    given |= {"--run": run, "--ca-file": access.ca_file, "--cert": access.cert, "--key": access.key}
    given |= {"--header-file": access.header_file, "--header": HIDDEN if access.header else ""}
    words = [word for name, value in given.items() if value for word in (name, value)]
    return shlex.join(["python", "-m", "scenario.cleanup", *words, *["--insecure"] * access.insecure])
