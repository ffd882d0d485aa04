"""`GET /-/stats`, and `POST /-/release` or `/-/release?close`; for loopback only unless told otherwise."""

from __future__ import annotations

from time import monotonic

from listener.connections import Connection
from listener.http import Reply, Request, failure, json_reply
from listener.options import Options
from listener.stats import Stats

_METHODS = {b"/-/stats": b"GET", b"/-/release": b"POST"}


def administer(request: Request, connection: Connection, options: Options, stats: Stats) -> Reply:
    """Answer a request below /-/; releasing wakes all processes."""
    if not (options.admin_any or connection.peer_is_loopback()):
        return failure(403)
    method = _METHODS.get(request.path)
    if not method:
        return failure(404)
    if request.method != method:
        return failure(405, f"Allow: {method.decode()}")
    if method == b"GET":
        return json_reply(request, stats.snapshot() | {"delay": options.delay, "timeout": options.timeout})
    held = stats.total().held
    stats.release(monotonic(), close=request.query == b"close")
    return json_reply(request, {"released": held})
