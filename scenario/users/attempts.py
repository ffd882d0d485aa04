"""One request over a new connection, one attempt, within a limit: how version and the ordinary client are probed."""

from __future__ import annotations

import time
from collections.abc import Callable

from locust.clients import HttpSession

from scenario.peers.answers import Answer
from scenario.peers.bounds import bound
from scenario.peers.broker import Request
from scenario.peers.failures import Failure
from scenario.run.tries import Tried
from scenario.users.run_user import RunUser, failure_of

ATTEMPT_TIMEOUT = (2.0, 2.0)  # s to connect, s to answer


def _session(user: RunUser, limit: float) -> HttpSession:
    """Return one of its own, not FastHttpUser's: that would try again by itself."""
    session = HttpSession(user.broker.host, user.environment.events.request, user)
    bound(session, limit)
    user.broker.access.let_in(session)
    return session


def attempt(
    user: RunUser,
    asked: Request,
    error_of: Callable[[Answer], Failure | None],
    limit: float,
    *,
    name: str = "",
    due: float | None = None,
) -> Tried:
    """Send it once; return its latency in ms, to the end of the answer or to the error, and how it failed.

    `limit`, in s, is for all of it: a server that dribbles keeps below the limit on each read. Locust counts it by
    `name`, or by its path. The latency counts from when it was `due` (s since the epoch); None: from its sending.
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
            return Tried((time.perf_counter() - started) * 1000, failure_of(response, error_of), late * 1000)
    finally:
        session.close()
