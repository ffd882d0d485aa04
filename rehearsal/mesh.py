"""python -m rehearsal.mesh LISTENER_PORT [options]: a sidecar between the broker and its receivers, as a mesh has one.

It takes the broker's connections, keeps them open, and sends each request on over a connection of its own; when the
receiver cannot be reached it answers 502 in its stead. Whatever is asked below /-/ it passes on as it is.
Prints one line when it is ready, `mesh listening on 127.0.0.1:PORT`.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable, Iterable  # noqa: E402

import gevent  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

from rehearsal.forwarding import Answer, Environ, Request, forward  # noqa: E402


class Mesh:
    """A WSGI application that passes on, or thinks it knows better."""

    def __init__(self, port: int, answers: int | None, patience: float | None, repeats: bool, swallows: bool) -> None:
        self._port, self._answers, self._patience = port, answers, patience
        self._repeats, self._swallows = repeats, swallows

    def __call__(self, environ: Environ, start_response: Callable[..., object]) -> Iterable[bytes]:
        request = Request.read(environ)
        is_notification = request.method == "POST" and not request.target.startswith("/-/")
        answer = self._notified(request) if is_notification else forward(request, self._port, None)
        length = [("Content-Length", str(len(answer.body)))] if answer.status != 204 else []
        start_response(answer.line, [*answer.headers, ("server", "envoy"), *length])
        return [answer.body]

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
    add("--answers", type=int, metavar="STATUS", help="answer each notification at once, in the receiver's stead")
    add("--swallows", action="store_true", help="and do not send it on")
    add("--patience", type=float, metavar="S", help="answer 504 in the receiver's stead after so long")
    add("--repeats", action="store_true", help="send it again instead, once")
    given = parser.parse_args()
    mesh = Mesh(given.port, given.answers, given.patience, given.repeats, given.swallows)
    server = WSGIServer(("127.0.0.1", 0), mesh, backlog=socket.SOMAXCONN, log=None, error_log=None)
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, sys.exit, 0)
    server.start()
    print(f"mesh listening on 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
