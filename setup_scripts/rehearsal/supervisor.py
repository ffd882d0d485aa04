"""Starts the broker again whenever it crashes, as systemd's Restart=on-failure does."""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import NoReturn

PR_SET_PDEATHSIG = 1  # prctl(2)


def keep_alive(command: Sequence[str], port: int) -> NoReturn:
    """Run the broker on `port` (0: a free one, each time the same) until it ends by itself."""
    arguments = [sys.executable, *command, "-port", str(port or _free_port())]
    code = -1
    while code < 0:
        code = subprocess.Popen(arguments, preexec_fn=_die_with_parent).wait()  # noqa: PLW1509 - there are no threads
    sys.exit(code)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
