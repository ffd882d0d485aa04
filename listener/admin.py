"""What is below /-/, for loopback only unless told otherwise.

    GET  /-/stats            the counters of all processes
    GET  /-/release          {"token": TEXT}, another one with each start of the listener
    POST /-/release          with the header `Release-Token: TEXT`: answer all that is held; {"released": NUMBER}
    POST /-/release?close    the same, and close

The token keeps strangers out who can make others send a request, but not read its answer: a form or a script of
another site, and whoever subscribes this listener to a broker, which adds the headers that he asks for (httpCustom).
"""

from __future__ import annotations

from hmac import compare_digest
from time import monotonic

from listener.connections import Connection
from listener.http import Reply, Request, failure, json_reply
from listener.options import Options
from listener.stats import Stats

_METHODS = {b"/-/stats": (b"GET",), b"/-/release": (b"GET", b"POST")}


def administer(request: Request, connection: Connection, options: Options, stats: Stats) -> Reply:
    """Answer a request below /-/; releasing wakes all processes."""
    if not (options.admin_any or connection.peer_is_loopback()):
        return failure(403)
    methods = _METHODS.get(request.path)
    if not methods:
        return failure(404)
    if request.method not in methods:
        return failure(405, f"Allow: {b', '.join(methods).decode()}")
    if request.path == b"/-/stats":
        return json_reply(request, stats.snapshot() | {"delay": options.delay, "timeout": options.timeout})
    if request.method == b"GET":
        return json_reply(request, {"token": stats.token})
    return _release(request, stats)


def _release(request: Request, stats: Stats) -> Reply:
    if not compare_digest(request.token, stats.token.encode()):
        return failure(403, text="this wants the header Release-Token, with the token that GET /-/release tells")
    held = stats.total().held
    stats.release(monotonic(), close=request.query == b"close")
    return json_reply(request, {"released": held})
