"""One request over a new connection, one attempt, within a limit: how version and the ordinary client are probed."""

from __future__ import annotations

import time
from collections.abc import Callable

from locust.clients import HttpSession

import gevent

from scenario.peers.answers import Answer
from scenario.peers.broker import Request
from scenario.users.run_user import RunUser, problem_of

ATTEMPT_TIMEOUT = (2.0, 2.0)  # s to connect, s to answer


def attempt(
    user: RunUser, asked: Request, error_of: Callable[[Answer], str], limit: float, name: str = ""
) -> tuple[float, str]:
    """Send it once; return its latency in ms, to the end of the answer or to the error, and what is wrong.

    `limit`, in s, is for all of it: a server that dribbles keeps below the limit on each read. Locust counts it by
    `name`, or by its path.
    """
    # not FastHttpUser: it would try again on its own
    session = HttpSession(user.broker.host, user.environment.events.request, user)
    session.trust_env = False
    user.broker.access.let_in(session)
    name = name or asked.path
    started = time.perf_counter()
    try:
        with (
            gevent.Timeout(limit),
            session.request(
                asked.method,
                asked.path,
                data=asked.body or None,
                headers={**user.broker.headers(asked), "Connection": "close"},
                timeout=ATTEMPT_TIMEOUT,
                allow_redirects=False,
                name=name,
                catch_response=True,
            ) as response,
        ):
            return (time.perf_counter() - started) * 1000, problem_of(response, error_of)
    except gevent.Timeout as timeout:
        user.environment.events.request.fire(
            request_type=asked.method,
            name=name,
            response_time=limit * 1000,
            response_length=0,
            exception=timeout,
            context={},
        )
        return limit * 1000, f"no whole answer within {limit} s"
    finally:
        session.close()
