"""Restarts the broker, as systemd does: after a crash (Restart=on-failure), and on SIGHUP (systemctl restart)."""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import NoReturn

import gevent

PR_SET_PDEATHSIG = 1  # prctl(2)


def keep_alive(command: Sequence[str], port: int) -> NoReturn:
    """Run the broker on `port` (0: a free one, which it keeps) until it ends by itself."""
    arguments = [sys.executable, *command, "-port", str(port or _free_port())]
    child, again = _start(arguments), False

    def restart() -> None:
        nonlocal again
        again = True
        child.terminate()

    gevent.signal_handler(signal.SIGHUP, restart)
    while (code := child.wait()) < 0 or again:
        child, again = _start(arguments), False
    sys.exit(code)


def _start(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(arguments, preexec_fn=die_with_parent)  # noqa: PLW1509 - there are no threads


def die_with_parent() -> None:
    """Have the kernel send this process SIGTERM when its parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
