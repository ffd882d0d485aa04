"""One request over a new connection: one attempt, with a time limit. Version and client probes use it."""

from __future__ import annotations

import time
from collections.abc import Callable

from locust.clients import HttpSession

from scenario.peers.answers import Answer
from scenario.peers.bounds import bound
from scenario.peers.broker import Request
from scenario.peers.failures import Failure, Kind
from scenario.run.tries import Tried
from scenario.users.each_second import EachSecond
from scenario.users.run_user import failure_of

ATTEMPT_TIMEOUT = (2.0, 2.0)  # s to connect, s to answer
_WAITED = (Kind.NO_CONNECTION, Kind.NO_ANSWER)  # a hanging name server causes these too


def _session(user: EachSecond, limit: float) -> HttpSession:
    """Return a separate client. FastHttpUser's own would retry."""
    session = HttpSession(user.broker.host, user.environment.events.request, user)
    bound(session, limit)
    user.broker.access.apply_to(session)
    return session


def attempt(
    user: EachSecond,
    asked: Request,
    error_of: Callable[[Answer], Failure | None],
    limit: float,
    *,
    name: str = "",
    due: float | None = None,
) -> Tried:
    """Send it once. Return its latency in ms, to the end of the answer or the error, and its failure or None.

    `limit`, in s, is for all of it: a server that dribbles keeps below the limit on each read. Locust counts it by
    `name`, or by its path. The latency counts from `due` (s since the epoch), or from the sending if that is None.
    """
    session, name = _session(user, limit), name or asked.path
    late = max(0.0, user.of_run.clock.now() - due) if due is not None else 0.0
    started = time.perf_counter() - late
    try:
        with session.request(
            asked.method,
            asked.path,
            data=asked.body or None,
            headers={**user.broker.headers(asked), "Connection": "close"},
            timeout=ATTEMPT_TIMEOUT,
            allow_redirects=False,
            name=name,
            catch_response=True,
        ) as response:
            latency, failure = time.perf_counter() - started, failure_of(response, error_of)
    finally:
        session.close()
    if failure and failure.kind in _WAITED and user.tester.lookup(latency) > latency / 2:
        failure = Failure(Kind.NAME_SERVER, "no name server told the address of its host in time")
    return Tried(latency * 1000, failure, late * 1000)
