"""Counts the TCP connections of the context broker's process for the connections stress test, over RPyC.

    python3 setup_scripts/inspector [--host 127.0.0.1] [--port 18812] [--token-file FILE] [--process-name NAME]

Runs on the broker's host, as the user that runs the broker, with Python 3.8, psutil and rpyc. It does not need root.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
from pathlib import Path

if not __package__:  # started by the folder's name: its modules are not top-level modules
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from inspector.options import parse_options
from inspector.server import BACKLOG, Server
from inspector.service import InspectorService


def main() -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP. Exit code 1 if the port is taken, 2 if an option is wrong."""
    options = parse_options()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores it
            signal.signal(number, lambda *_: os._exit(0))
    family = socket.AF_INET6 if ":" in options.address else socket.AF_INET
    both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()  # :: is every address, IPv6 and IPv4
    try:
        listener = socket.create_server(
            (options.address, options.port), family=family, backlog=BACKLOG, dualstack_ipv6=both
        )
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        print(f"cannot listen on {options.host}:{options.port} (--host, --port): {reason}", file=sys.stderr)
        sys.exit(1 if error.errno == errno.EADDRINUSE else 2)
    print(f"connection inspector listening on {options.host}:{listener.getsockname()[1]}", flush=True)
    Server(listener, InspectorService(options.process_name), options.token or "").serve()


if __name__ == "__main__":
    main()
