"""The client of the inspector, which counts the connections of the broker's process on its host, over RPyC.

The other side is `setup_scripts/inspector`, or a plain rpyc_classic, to which the modules that count are then sent.
"""

from __future__ import annotations

import hmac
import logging
import socket
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import gevent
import msgspec
import rpyc
from rpyc.core.channel import Channel

from scenario.errors import InspectionError
from scenario.peers.answers import WrongShapeError, parse
from scenario.peers.failures import MOST_QUOTED, Failure, Kind, kind_of, of_exception
from scenario.peers.inspection import Inspection
from scenario.settings import receivers
from scenario.settings.options import Options
from scenario.settings.secrets import answered
from scenario.settings.values import joined

CALL_SECONDS = 2.0  # for one inspect(), including the connection
EVIDENCE_SECONDS = 8.0  # for the descriptor table; at 15,000 descriptors it takes about a second of CPU
CONNECT_SECONDS = 1.0  # for each address of a name
CHALLENGE = b"#CHALLENGE#"  # the first bytes of the inspector's challenge
HEADER = 5  # bytes before each of RPyC's messages
MAX_ANSWER = 100_000  # bytes; the longest right answer has about ten thousand

_FOLDER = Path(__file__).resolve().parents[2] / "setup_scripts" / "inspector"
# Modules sent to a plain rpyc_classic: what `inspect` needs, each after the modules that it imports
_SENT = (
    *("errors", "addresses", "names", "netlink", "proc", "limits", "cgroups", "counts", "by_kernel", "by_proc"),
    *("holders", "at_port", "command_line", "cpu", "broker", "finding", "descriptors", "answer"),
)
_log = logging.getLogger(__name__)


class _Evidence(msgspec.Struct, frozen=True):
    evidence: str


class _Refusal(msgspec.Struct, frozen=True):
    error: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    kind: Annotated[str, msgspec.Meta(max_length=100)] = ""  # a Kind's value


_Contents = TypeVar("_Contents", Inspection, _Evidence)


class _Stream(rpyc.SocketStream):  # type: ignore[misc]
    """A stream with one deadline for all its waits. RPyC alone would wait for ever for the rest of an answer."""

    end = 0.0

    def poll(self, timeout: object) -> bool:
        return bool(super().poll(self._left()))

    def read(self, count: int) -> bytes:
        if count > MAX_ANSWER:
            raise ValueError(f"{count} bytes instead of at most {MAX_ANSWER}")
        data = b""
        while len(data) < count:
            self.sock.settimeout(self._left())
            part = self.sock.recv(min(count - len(data), self.MAX_IO_CHUNK))
            if not part:
                raise EOFError
            data += part
        if CHALLENGE.startswith(data[:HEADER]) and count == HEADER:
            raise InspectionError("asks for a token (--inspector-token)")
        return data

    def _left(self) -> float:
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Channel(Channel):  # type: ignore[misc]
    """Accepts messages of at most MAX_ANSWER bytes, compressed or not."""

    def recv(self) -> bytes:
        length, compressed = self.FRAME_HEADER.unpack(self.stream.read(self.FRAME_HEADER.size))
        data: bytes = self.stream.read(length + len(self.FLUSHER))[:length]
        return zlib.decompressobj().decompress(data, MAX_ANSWER) if compressed else data


class Inspector:
    """A client of one inspector. It connects at the first call, and again at the call after an error."""

    def __init__(
        self,
        host: str,
        port: int,
        broker_port: int,
        listeners: Sequence[str] = (),
        token: str = "",
    ) -> None:
        self.address = (host, port)
        self.arguments = (broker_port, tuple(listeners))
        self.token = token
        self._stream: _Stream | None = None
        self._connection: Any = None
        self._inspect: Any = None
        self._warned = False

    @classmethod
    def of(cls, options: Options) -> Inspector:
        """Return the client of the inspector that `options` names."""
        host, port = options.inspector_address
        listeners = tuple(dict.fromkeys(map(receivers.host_and_ports, options.load.notify_urls)))
        return cls(host, port, options.broker_address[1], listeners, options.broker.inspector_token)

    def inspect(self) -> Inspection:
        """Return what the inspector sees. Raises InspectionError after CALL_SECONDS at the latest."""
        return self._call(Inspection, CALL_SECONDS, *self.arguments)

    def evidence(self) -> str:
        """Return the broker's descriptor table. Raises InspectionError after EVIDENCE_SECONDS at the latest."""
        return self._call(_Evidence, EVIDENCE_SECONDS, *self.arguments, True).evidence

    def _call(self, kind: type[_Contents], seconds: float, *arguments: object) -> _Contents:
        try:
            with gevent.Timeout(seconds, TimeoutError()):
                return self._ask(kind, time.monotonic() + seconds, *arguments)
        except gevent.GreenletExit:  # this greenlet is being ended
            self.close()
            raise
        except BaseException as error:  # RPyC raises whatever the other side says, even SystemExit
            self.close()
            failure = (
                Failure(kind_of(error), str(error)) if isinstance(error, InspectionError) else _failure(error, seconds)
            )
            raise InspectionError(f"the inspector at {joined(*self.address)} {failure}", failure.kind) from error

    def _ask(self, kind: type[_Contents], end: float, *arguments: object) -> _Contents:
        if self._stream is None:
            self._stream = _Stream(socket.create_connection(self.address, timeout=CONNECT_SECONDS))
            self._stream.end = end
            if self.token:
                self._log_in(self._stream)
        self._stream.end = end
        if self._inspect is None:
            self._inspect = self._find_method(self._stream)
        return _parsed(self._inspect(*arguments), kind)

    def close(self) -> None:
        """Drop the connection. The next `inspect` opens a new one."""
        # the stream first, because closing the connection would wait for an answer
        for closing in (self._stream, self._connection):
            if closing is not None:
                closing.close()
        self._connection = self._stream = self._inspect = None

    def _log_in(self, stream: _Stream) -> None:
        """Prove that the token is known with an HMAC of the inspector's challenge, like multiprocessing.connection."""
        try:
            challenge = stream.read(len(CHALLENGE) + 32)
        except TimeoutError:
            raise InspectionError("asks for no token: was it started with --token-file?") from None
        stream.write(hmac.new(self.token.encode(), challenge, "sha256").digest())

    def _find_method(self, stream: _Stream) -> Any:
        """Return the remote `inspect`, so that a sample is one round trip."""
        # VoidService: the other side may not call anything here
        self._connection = rpyc.connect_channel(_Channel(stream), rpyc.VoidService, {"sync_request_timeout": None})
        root = self._connection.root
        try:
            return root.inspect
        except AttributeError:
            root.execute(_modules())
        if not self._warned:
            _log.warning("rpyc_classic at %s gives a shell to everyone who reaches its port", joined(*self.address))
            self._warned = True
        return root.eval("inspect")


def _modules() -> str:
    """Return one text that creates the modules on the other side: few round trips, no files."""
    sources = [(f"inspector.{name}", (_FOLDER / f"{name}.py").read_text(encoding="utf-8")) for name in _SENT]
    return f"""
import sys, types
for name, source in {sources!r}:
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
inspect = module.inspect
"""


def _parsed(answer: object, kind: type[_Contents]) -> _Contents:
    """Return the contents of an answer. Raises InspectionError if it is a refusal, or not an inspector's."""
    if not isinstance(answer, str):
        raise InspectionError(
            f"does not answer like an inspector: {type(answer).__name__} instead of text", Kind.CONTENT
        )
    try:
        refusal = parse(answer, _Refusal)
        seen = None if refusal.error else parse(answer, kind)
    except WrongShapeError as error:
        raise InspectionError(f"does not answer like an inspector: {error}", Kind.CONTENT) from error
    if seen is None:
        known_kind = refusal.kind if refusal.kind in {each.value for each in Kind} else Kind.OTHER
        raise InspectionError(f"says: {refusal.error}", Kind(known_kind))
    return seen


def _failure(error: BaseException, seconds: float) -> Failure:
    text = answered(str(error).strip().partition("\n")[0], MOST_QUOTED) or type(error).__name__[:MOST_QUOTED]
    if hasattr(error, "_remote_tb"):  # created by RPyC from what the other side says
        return Failure(Kind.OTHER, f"failed: {text}")
    match error:
        case TimeoutError():
            return Failure(Kind.NO_ANSWER, f"did not answer within {seconds:.0f} s")
        case EOFError() | ConnectionResetError() | BrokenPipeError():
            return Failure(Kind.CLOSED, "closed the connection (is the token right?)")
        case OSError():
            return Failure(of_exception(error).kind, f"cannot be reached: {error.strerror or error}")
    return Failure(Kind.OTHER, f"failed: {text}")
