"""Marks the service's database while a run is under way, because another run would drop it."""

from __future__ import annotations

import logging

import gevent

from scenario.errors import DatabaseError, PreflightError
from scenario.peers import database, drops_database
from scenario.run import events
from scenario.run.records import Reset, RunEnded
from scenario.run.run import Run

RENEWED_EACH = 5.0  # s
_log = logging.getLogger(__name__)


class Mark:
    """The mark of the runs of this process, one after the other."""

    def __init__(self) -> None:
        self._run: Run | None = None
        self._renewing: gevent.Greenlet[[], None] | None = None
        events.on(Reset, lambda *_, **__: self._renew())  # the reset dropped the mark too
        events.on(RunEnded, lambda *_, **__: self.give_back())

    def take(self, run: Run, name: str) -> None:
        """Mark the database `name`, unless --no-reset. Raises PreflightError if another run is under way."""
        if not drops_database(run.options):
            return
        self._run, self._name = run, name
        if not self._renew():
            self._run = None
            raise PreflightError(f"{database.UNDER_WAY} in {name}; wait for its end, or use another --service")
        self._renewing = gevent.spawn(self._keep)

    def _keep(self) -> None:
        while True:
            gevent.sleep(RENEWED_EACH)
            self._renew()

    def _renew(self) -> bool:
        """Renew the mark. Returns False if it belongs to another run. Errors are ignored until the next time."""
        if self._run is None:
            return True
        try:
            return database.mark(self._run.options.broker.mongo, self._name, self._run.id)
        except DatabaseError as error:
            _log.info("the database could not be marked: %s", error)
            return True

    def give_back(self) -> None:
        """Remove the mark when the run is over."""
        run, self._run = self._run, None
        if self._renewing is not None:
            self._renewing.kill(block=False)
        if run is not None:
            try:
                database.unmark(run.options.broker.mongo, self._name, run.id)
            except DatabaseError as error:
                _log.info("the run's mark could not be removed from the database: %s", error)
