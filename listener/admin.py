"""Requests below /-/, for loopback only unless -admin any. Each answer is JSON over all processes.

    GET  /-/stats             the counts since the start; `held` and `open` (connections) are those of now
    GET  /-/notified          [UPDATE, ...], the newest 8 of them, the oldest first
    GET  /-/healthy           {"arrivals": [], "next": POSITION, "left": 0, "forgotten": 0, "clock": SECONDS}
    GET  /-/healthy?after=POSITION   the same with what arrived after a position that an answer told as `next`
    GET  /-/release           {"token": TEXT}, another one with each start of the listener
    POST /-/release           with the header `Release-Token: TEXT`: end all that is held; {"released": NUMBER}
    POST /-/release?close     the same, and close what is answered

In /-/stats `paths` has {"held": NUMBER, "received": NUMBER} of each behaviour (see listener.behaviours) that had a
notification; `received` are those that are done with, `abandoned` those whose sender left before. The sums `held` and
`received` leave /healthy out. `notified` is the newest UPDATE, null before the first; `unnumbered` counts notifications
that told no update or no subscription; `rate` is that of the last line on stdout, per second; `clock` is what the
listener's clock says, in seconds since the epoch; `id` changes with each start of the listener.

UPDATE is {"update": its number, "notifications": those that came, "subscriptions": different ones among them,
"doubled": of these the ones that came more than once, "forgotten": notifications beyond 262,144, 0 else}. Those of
/healthy are not among them.

Each of `arrivals` is [update, subscription, sent, latency]: the update's number, a number that stands for the
subscription as long as the listener lives, when it was sent (us since the epoch, as the notification tells), and the us
from then until it arrived by the listener's clock: negative when the sender's is ahead. An answer has at most 256 of
them, and tells how many more are `left`; `forgotten` are those that nobody asked for among 131,072 later ones. Whoever
did not get an answer asks again with the same position.

A request names an address of this host in `Host`, or its own name, localhost or that of -host; and a website of another
origin is refused. So no page in a browser reads what is here, whose name was made to lead to this host (DNS rebinding).
The token keeps strangers out who can make others send a request, but not read its answer: a form or a script of
another site, and whoever subscribes this listener to a broker, which adds the headers that he asks for (httpCustom).
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable

from listener.connections import Connection
from listener.http import Reply, Request, failure, json_reply
from listener.options import Options
from listener.stats import Stats


def administer(request: Request, connection: Connection, options: Options, stats: Stats) -> Reply:
    """Answer a request below /-/. A release wakes all processes."""
    if not (options.admin_any or connection.peer_is_loopback()):
        return failure(403)
    if not _is_own(request, options):
        return failure(403, text="this wants an address, localhost or this host's own name as Host")
    methods = _RESOURCES.get(request.path)
    if not methods:
        return failure(404)
    answer = methods.get(request.method)
    if not answer:
        return failure(405, f"Allow: {b', '.join(methods).decode()}")
    return answer(request, options, stats)


def _is_own(request: Request, options: Options) -> bool:
    """Whether a request names this host and is not made by another website."""
    if request.origin not in (b"", b"http://" + request.host):
        return False
    parts = _HOST.fullmatch(request.host.decode("latin-1"))
    if not parts:
        return False
    names = ("localhost", socket.gethostname().lower(), options.host.lower())
    return bool(parts["name"]) and (parts["name"] in names or _is_address(parts["name"].strip("[]")))


def _is_address(name: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, name.partition("%")[0])
        except OSError:
            continue
        return True
    return False


def _stats(request: Request, options: Options, stats: Stats) -> Reply:
    return json_reply(request, stats.snapshot() | {"delay": options.delay, "timeout": options.timeout})


def _notified(request: Request, _: Options, stats: Stats) -> Reply:
    return json_reply(request, stats.notified.all())


def _healthy(request: Request, _: Options, stats: Stats) -> Reply:
    position = re.fullmatch(rb"after=(\d{1,18}(?:\.\d{1,18}){0,999})", request.query)
    if request.query and not position:
        return failure(400, text="this takes ?after=NEXT, where NEXT is what the answer before told")
    after = [int(number) for number in position[1].split(b".")] if position else stats.arrivals.end()
    news = stats.arrivals.after(after)
    answer = news._asdict() | {"next": ".".join(map(str, news.next)), "clock": time.time()}
    return json_reply(request, answer)


def _token(request: Request, _: Options, stats: Stats) -> Reply:
    return json_reply(request, {"token": stats.token})


def _release(request: Request, _: Options, stats: Stats) -> Reply:
    if request.token != stats.token.encode():
        return failure(403, text="this wants the header Release-Token, with the token that GET /-/release tells")
    held = sum(counts["held"] for counts in stats.paths().values())
    stats.release(time.monotonic(), close=request.query == b"close")
    return json_reply(request, {"released": held})


_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+(?:%[\w.-]+)?\]|[\w.-]+)(?::\d{1,5})?", re.ASCII)
_RESOURCES: dict[bytes, dict[bytes, Callable[[Request, Options, Stats], Reply]]] = {
    b"/-/stats": {b"GET": _stats},
    b"/-/notified": {b"GET": _notified},
    b"/-/healthy": {b"GET": _healthy},
    b"/-/release": {b"GET": _token, b"POST": _release},
}
