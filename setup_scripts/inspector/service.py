"""The service for clients over RPyC: only `inspect`."""

from __future__ import annotations

import socket
import zlib
from typing import Any

import rpyc
from rpyc.core.channel import Channel

from inspector.answer import inspect

CALL_SECONDS = 2  # s for a client to send or receive a message
MAX_REQUEST = 24_000  # bytes of a call: MAX_LISTENERS texts of MAX_TEXT characters, and some more
CLOSED = {
    **dict.fromkeys(
        ("allow_exposed_attrs", "allow_safe_attrs", "allow_public_attrs", "include_local_traceback"), False
    ),
    "propagate_KeyboardInterrupt_locally": False,
    "sync_request_timeout": CALL_SECONDS,
}


class InspectorService(rpyc.Service):  # type: ignore[misc]
    """Lets a client call `inspect`, and nothing else."""

    def __init__(self, process_name: str) -> None:
        self.process_name = process_name

    def exposed_inspect(self, port: int, listeners: tuple[str, ...] = (), evidence: bool = False) -> str:
        return inspect(port, listeners, evidence, process_name=self.process_name)

    def _rpyc_getattr(self, name: str) -> Any:
        if name not in ("inspect", "exposed_inspect"):
            raise AttributeError(f"{name} is not for clients")
        return self.exposed_inspect


class WholeStream(rpyc.SocketStream):  # type: ignore[misc]
    """Reads everything or nothing, because the socket has a time limit. RPyC alone would retry for ever."""

    def read(self, count: int) -> bytes:
        """Return so many bytes. Raises EOFError if fewer arrive."""
        data: bytes = self.sock.recv(count, socket.MSG_WAITALL)
        if len(data) < count:
            raise EOFError
        return data


class LimitedChannel(Channel):  # type: ignore[misc]
    """Accepts messages of at most MAX_REQUEST bytes, compressed or not."""

    def recv(self) -> bytes:
        """Return the next message. Raises EOFError if it is too long."""
        length, compressed = self.FRAME_HEADER.unpack(self.stream.read(self.FRAME_HEADER.size))
        if length > MAX_REQUEST:
            raise EOFError
        data: bytes = self.stream.read(length + len(self.FLUSHER))[:length]
        return zlib.decompressobj().decompress(data, MAX_REQUEST) if compressed else data
