"""What is below /-/, for loopback only unless told otherwise.

    GET  /-/stats            the counters of all processes
    GET  /-/notified         which updates reached how many subscriptions, for the newest 8 updates (see `Notified.all`)
    GET  /-/release          {"token": TEXT}, another one with each start of the listener
    POST /-/release          with the header `Release-Token: TEXT`: answer all that is held; {"released": NUMBER}
    POST /-/release?close    the same, and close

The token keeps strangers out who can make others send a request, but not read its answer: a form or a script of
another site, and whoever subscribes this listener to a broker, which adds the headers that he asks for (httpCustom).
"""

from __future__ import annotations

from collections.abc import Callable
from hmac import compare_digest
from time import monotonic

from listener.connections import Connection
from listener.http import Reply, Request, failure, json_reply
from listener.options import Options
from listener.stats import Stats


def administer(request: Request, connection: Connection, options: Options, stats: Stats) -> Reply:
    """Answer a request below /-/; releasing wakes all processes."""
    if not (options.admin_any or connection.peer_is_loopback()):
        return failure(403)
    methods = _RESOURCES.get(request.path)
    if not methods:
        return failure(404)
    answer = methods.get(request.method)
    if not answer:
        return failure(405, f"Allow: {b', '.join(methods).decode()}")
    return answer(request, options, stats)


def _stats(request: Request, options: Options, stats: Stats) -> Reply:
    return json_reply(request, stats.snapshot() | {"delay": options.delay, "timeout": options.timeout})


def _notified(request: Request, _: Options, stats: Stats) -> Reply:
    return json_reply(request, stats.notified.all())


def _token(request: Request, _: Options, stats: Stats) -> Reply:
    return json_reply(request, {"token": stats.token})


def _release(request: Request, _: Options, stats: Stats) -> Reply:
    if not compare_digest(request.token, stats.token.encode()):
        return failure(403, text="this wants the header Release-Token, with the token that GET /-/release tells")
    held = stats.total().held
    stats.release(monotonic(), close=request.query == b"close")
    return json_reply(request, {"released": held})


_RESOURCES: dict[bytes, dict[bytes, Callable[[Request, Options, Stats], Reply]]] = {
    b"/-/stats": {b"GET": _stats},
    b"/-/notified": {b"GET": _notified},
    b"/-/release": {b"GET": _token, b"POST": _release},
}
