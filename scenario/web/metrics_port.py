"""`--metrics-port`: metrics for Prometheus, headless or with the web UI, without a login.

    locust --headless ... --metrics-port 9646
    curl http://127.0.0.1:9646/metrics

The port is opened when the command line is read, before Locust forks its workers. So a taken port ends with exit code 2
before anything starts. Only the process that judges the run serves it, in greenlets of its own.
"""

from __future__ import annotations

import logging
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Any

from locust.argument_parser import LocustArgumentParser

from prometheus_client import make_wsgi_app

from scenario.outputs.history import History
from scenario.outputs.metrics import registry
from scenario.settings import values
from scenario.web.door import Door
from scenario.web.guard import Guard, is_loopback

_AT_ONCE = 16  # clients at one time; more have to wait, so that they do not use up the run's descriptors
_ENTERING = 8  # clients at one time that have not sent their request yet
_taken: dict[tuple[str, int], Door] = {}  # kept, because Locust reads its command line again for each page
_log = logging.getLogger(__name__)


def add_metrics_port(parser: ArgumentParser) -> None:
    """Add the option to Locust's parser (listener of `init_command_line_parser`)."""
    env_var: dict[str, Any] = {"env_var": "LOCUST_METRICS_PORT"}
    action: Any = parser.add_argument_group("metrics").add_argument(
        "--metrics-port",
        **env_var,
        type=listening,
        default="",
        metavar="[HOST:]PORT",
        help="serve the last row to Prometheus on this port (host: 127.0.0.1); 0: do not",
    )
    action.include_in_web_ui = False  # what Locust does for arguments without a group
    parser.__class__ = _Parser


def listening(text: str) -> str:
    """Check [host:]port; "" or 0 means do not listen. Raises ArgumentTypeError."""
    listening_address(text)
    return text


def listening_address(text: str) -> tuple[str, int] | None:
    """Return host (default: loopback) and port, or None to not listen."""
    if text in ("", "0"):
        return None
    try:
        return values.parse_address(f":{text}" if text.isdigit() else text, "127.0.0.1", 0)
    except ArgumentTypeError:
        takes = "takes a port or host:port (an IPv6 address in brackets), or 0 for none"
        raise ArgumentTypeError(f"{takes}, not {text!r}") from None


class _Parser(LocustArgumentParser):
    """Opens the port when all options are known. A worker opens none."""

    def parse_args(self, *args: Any, **rest: Any) -> Any:
        """Parse, and exit with code 2 if the port cannot be opened."""
        parsed = super().parse_args(*args, **rest)
        address = listening_address(parsed.metrics_port)
        if address and address not in _taken and not parsed.worker:
            server = Door(address, spawn=_AT_ONCE, most=_ENTERING, log=None, error_log=None)
            try:
                server.init_socket()
            except OSError as error:
                why = str(error.strerror).partition(": ")[0]  # gevent adds the address again
                problem = f"cannot listen on {values.joined(*address)}: {why}"
                super().error(f"argument --metrics-port: {problem}")  # type: ignore[no-untyped-call]
            _taken[address] = server
        return parsed


def serve_metrics(history: History, parsed: Namespace) -> None:
    """Serve the metrics if there is a port: on loopback behind the guard, elsewhere to anyone."""
    address = listening_address(parsed.metrics_port)
    if address:
        host, server = address[0], _taken[address]
        application = make_wsgi_app(registry(history))
        # A website in a browser on this host can reach loopback.
        guard = Guard(application, host, values.urls(parsed.web_origin))
        server.application = guard if is_loopback(host) else application
        server.start()
        _log.info(f"metrics at http://{values.joined(*address)}/metrics")


def close_metrics() -> None:
    """Close the port in a worker that Locust forked from the master, because it may outlive the master."""
    for server in _taken.values():
        server.close()
