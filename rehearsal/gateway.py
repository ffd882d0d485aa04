"""python -m rehearsal.gateway BROKER_PORT [options]: a gateway in front of the broker, as an ingress or a PEP proxy is.

It takes any number of clients, and forwards each request over a new connection. It answers 502 if the broker cannot be
reached, and 504 if the broker does not answer in time. Prints one line when it is ready, `gateway listening on
127.0.0.1:PORT`.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import signal  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterable  # noqa: E402

import gevent  # noqa: E402

from rehearsal.forwarding import Answer, Request, forward, own_answer  # noqa: E402
from rehearsal.wsgi import Environ, StartResponse, respond, serve  # noqa: E402

NAME = "rehearsal-gateway"
REFUSALS = {
    401: ("the token has expired", ("WWW-Authenticate", 'Bearer error="invalid_token"')),
    307: ("elsewhere", ("Location", "/elsewhere")),
}


class Gateway:
    """A WSGI application that forwards to a port; `patience` in s, `limit` in requests per second, None: no limit."""

    def __init__(self, port: int, patience: float, limit: int | None) -> None:
        self._port, self._patience, self._limit = port, patience, limit
        self._second, self._taken = 0, 0
        self._refuses: Answer | None = None

    def refuse(self, status: int) -> None:
        """Answer all requests with this status from now on."""
        print(f"{status} from now on", flush=True)
        self._refuses = own_answer(status, *REFUSALS[status])

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        request = Request.read(environ)
        answer = self._refusal() or forward(request, self._port, self._patience)
        headers = [header for header in answer.headers if header[0].lower() not in {"server", "via"}]
        headers += [("Server", NAME), ("Via", f"1.1 {NAME}")]
        return respond(start_response, answer.status, headers, answer.body)

    def _refusal(self) -> Answer | None:
        if self._refuses or self._limit is None:
            return self._refuses
        second = int(time.monotonic())
        self._taken = self._taken + 1 if second == self._second else 1
        self._second = second
        return own_answer(429, "too many requests", ("Retry-After", "1")) if self._taken > self._limit else None


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal.gateway", allow_abbrev=False)
    parser.add_argument("port", type=int, help="where the broker listens on this host")
    parser.add_argument("--patience", type=float, default=60, help="s that the broker has for an answer (default: 60)")
    parser.add_argument("--limit", type=int, metavar="N", help="answer 429 to more than N requests in a second")
    help_of_refuses = "answer all requests with this status, from SIGUSR1 on"
    parser.add_argument("--refuses", type=int, choices=REFUSALS, metavar="STATUS", help=help_of_refuses)
    given = parser.parse_args()
    gateway = Gateway(given.port, given.patience, given.limit)
    if given.refuses:
        gevent.signal_handler(signal.SIGUSR1, gateway.refuse, given.refuses)
    serve("gateway", gateway)


if __name__ == "__main__":
    main()
