"""Requests below /-/, for loopback only unless -admin any. Each answer is JSON over all processes.

    GET  /-/stats             the counts since the start; `held` and `open` (connections) are those of now
    GET  /-/notified          [UPDATE, ...], the newest 8, the oldest of these first
    GET  /-/healthy           {"arrivals": [], "next": POSITION, "left": 0, "forgotten": 0, "clock": SECONDS}
    GET  /-/healthy?after=POSITION   the same, with the arrivals after POSITION, the `next` of an earlier answer
    GET  /-/release           {"token": TEXT}, a new one with each start of the listener
    POST /-/release           with the header `Release-Token: TEXT`: end all that is held; {"released": NUMBER}
    POST /-/release?close     the same, and close the connections that are answered

/-/stats: `paths` has {"held": NUMBER, "received": NUMBER} for each behaviour (see listener.behaviours) that had a
notification. `received` counts finished notifications, `abandoned` those whose sender left before. The sums `held` and
`received` do not include /healthy. `notified` is the newest UPDATE, null before the first. `unnumbered` counts
notifications without an update or a subscription. `rate` is the rate of the last line on stdout, in answers per second.
`clock` is the listener's clock, in seconds since the epoch. `id` changes with each start of the listener.

UPDATE is {"update": its number, "notifications": how many came, "subscriptions": how many different ones they had,
"doubled": how many of these came more than once, "forgotten": notifications beyond 262,144, otherwise 0}. It does not
include /healthy.

Each of `arrivals` is [update, subscription, sent, latency]. `subscription` is a number that stands for the subscription
as long as the listener runs. `sent` is the time in the notification, in us since the epoch. `latency` is in us, from
the sender's clock to the listener's: negative if the sender's clock is ahead. An answer has at most 256 arrivals, and
`left` counts those that follow. `forgotten` counts those that nobody asked for before 131,072 others came. A client
that got no answer asks again with the same position.

`Host` must be an address, the host's own name, localhost or the name of -host, and `Origin` no other website. This
stops DNS rebinding: a web page whose name was made to lead to this host cannot read anything here. The token stops
those who can make others send a request but cannot read the answer: a form or a script of another site, and a
subscription of this listener at a broker that adds headers of the subscriber's choice (httpCustom).
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
    return parts["name"] in names or _is_address(parts["name"].strip("[]"))


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
