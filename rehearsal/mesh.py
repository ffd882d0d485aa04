"""python -m rehearsal.mesh LISTENER_PORT [options]: a sidecar between the broker and its receivers, as in a mesh.

It keeps the broker's connections open, and forwards each request over a new connection. If the receiver cannot be
reached, it answers 502 instead. Requests below /-/ are always forwarded as they are.
Prints one line when it is ready, `mesh listening on 127.0.0.1:PORT`.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
from collections.abc import Iterable  # noqa: E402

import gevent  # noqa: E402

from rehearsal.forwarding import Answer, Request, forward  # noqa: E402
from rehearsal.wsgi import Environ, StartResponse, respond, serve  # noqa: E402


class Mesh:
    """A WSGI application that forwards to a port. For a notification it may answer itself, or send it again."""

    def __init__(self, port: int, answers: int | None, patience: float | None, repeats: bool, swallows: bool) -> None:
        self._port, self._answers, self._patience = port, answers, patience
        self._repeats, self._swallows = repeats, swallows

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        request = Request.read(environ)
        is_notification = request.method == "POST" and not request.target.startswith("/-/")
        answer = self._notified(request) if is_notification else forward(request, self._port, None)
        return respond(start_response, answer.status, [*answer.headers, ("server", "envoy")], answer.body)

    def _notified(self, request: Request) -> Answer:
        if self._answers:
            if not self._swallows:
                gevent.spawn(forward, request, self._port, None)
            return Answer(self._answers)
        answer = forward(request, self._port, self._patience)
        if self._repeats and answer.status in {502, 504}:
            answer = forward(request, self._port, None)
        return answer


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal.mesh", allow_abbrev=False)
    add = parser.add_argument
    add("port", type=int, help="where the listener listens on this host")
    add("--answers", type=int, metavar="STATUS", help="answer each notification at once, instead of the receiver")
    add("--swallows", action="store_true", help="with --answers: do not forward it")
    add("--patience", type=float, metavar="S", help="answer 504 instead of the receiver after S seconds")
    add("--repeats", action="store_true", help="with --patience: send it again instead, once")
    given = parser.parse_args()
    serve("mesh", Mesh(given.port, given.answers, given.patience, given.repeats, given.swallows))


if __name__ == "__main__":
    main()
