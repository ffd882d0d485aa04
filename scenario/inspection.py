"""Asks the inspector on the broker's host for the connections of the broker's process, over RPyC.

The other side is `setup_scripts/connection_inspector.py`, or a plain rpyc_classic, to which that file is then sent.
"""

from __future__ import annotations

import hashlib
import json
import logging
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import rpyc

DEFAULT_PORT = 18812
CALL_SECONDS = 2.0  # for one inspect(), connecting included

_SOURCE = Path(__file__).resolve().parent.parent / "setup_scripts" / "connection_inspector.py"
_log = logging.getLogger(__name__)


class InspectionError(Exception):
    """Why there are no counts, as one sentence."""


def parse_address(text: str, default_host: str, default_port: int) -> tuple[str, int]:
    """Split "host", "host:port", ":port", "[v6]" or "[v6]:port" into host and port; ValueError says what is wrong."""
    host, colon, port = text.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = text, ""
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host or "[" in host or "]" in host:
        raise ValueError(f"{text!r} is not host[:port]: an IPv6 address stands in brackets")
    if port and not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise ValueError(f"{text!r} is not host[:port]: a port is a number from 1 to 65535")
    return host or default_host, int(port) if port else default_port


class Inspector:
    """A client of one inspector: connects at the first call, and anew at the call after any error."""

    def __init__(
        self,
        host: str,
        port: int,
        process_name: str,
        broker_port: int,
        listeners: Sequence[str] = (),
        token: str = "",
    ) -> None:
        self.address = (host, port)
        self.arguments = (process_name, broker_port, tuple(listeners))
        self.token = token
        self._warned = False
        self._connection: Any = None
        self._call: Callable[..., str] | None = None

    def inspect(self) -> dict[str, object]:
        """Return what connection_inspector.inspect tells; InspectionError within about 2 s when it cannot."""
        try:
            if self._call is None:
                self._call = self._connect(time.monotonic() + CALL_SECONDS)
            self._connection._config["sync_request_timeout"] = CALL_SECONDS
            seen: dict[str, object] = json.loads(self._call(*self.arguments))
        except Exception as error:  # rpyc makes up the classes of remote errors
            self.close()
            raise InspectionError(f"no answer from the inspector at {self.address}: {error}") from error
        if "error" in seen:
            self.close()
            raise InspectionError(str(seen["error"]))
        return seen

    def close(self) -> None:
        """Drop the connection; the next inspect() makes a new one."""
        connection, self._connection, self._call = self._connection, None, None
        if connection is not None:
            connection.close()

    def _connect(self, end: float) -> Callable[..., str]:
        plain = socket.create_connection(self.address, timeout=end - time.monotonic())
        plain.settimeout(None)
        if self.token:
            plain.sendall(hashlib.sha256(self.token.encode()).digest())
        self._connection = rpyc.connect_stream(
            rpyc.SocketStream(plain), rpyc.VoidService, {"sync_request_timeout": CALL_SECONDS}
        )
        root = self._connection.root
        try:
            call: Callable[..., str] = root.inspect
        except AttributeError:
            root.execute(_SOURCE.read_text(encoding="utf-8"))
            call = root.eval("inspect")
            if not self._warned:
                _log.warning("rpyc_classic at %s:%s gives a shell to everyone who reaches its port", *self.address)
                self._warned = True
        return call
