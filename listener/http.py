"""The parts of HTTP/1 (RFC 9112) that a listener needs: the end of a request, and answers."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from functools import cache
from http import HTTPStatus
from typing import NamedTuple

MAX_HEAD = 64 * 1024  # bytes of request line and headers, of one chunk's line, of all trailers
MAX_BODY = 1024 * 1024  # bytes
BEGIN = 1024  # bytes kept of a body
END = b"\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
HEAD = re.compile(
    rb"(?P<method>%b) (?P<target>[^\x00-\x20\x7f]++) HTTP/1\.(?P<minor>\d)\r\n"
    rb"(?:%b:[^\r\n\0]*+\r\n)*+" % (TOKEN, TOKEN)
)
FIELD = re.compile(
    rb"\n(host|content-length|transfer-encoding|connection|expect|origin|release-token):([^\r\n]*+)", re.I
)
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.S)


class Rejected(Exception):
    """A request that gets `status` and a closed connection."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Request(NamedTuple):
    """A request that was read to its end."""

    method: bytes
    path: bytes
    keep_alive: bool
    minor: int
    query: bytes
    host: bytes
    """The value of Host, in lower case. Several values, which HTTP/1.0 may have, are joined with commas."""
    origin: bytes
    """The value of Origin, in lower case: the website that made this request. Browsers send it."""
    token: bytes
    """The value of Release-Token."""
    body: bytes
    """Its first bytes."""
    rest: bytes
    """Bytes of the next request that came with this one."""


class Reply(NamedTuple):
    """Bytes to send, and whether the connection is closed after them."""

    data: bytes
    close: bool


class Halfway(NamedTuple):
    """The state of an incomplete request."""

    kept: int = 0
    """Bytes kept until then."""
    interim: bytes = b""
    """What to send meanwhile: nothing or `100 Continue`."""


Part = Generator[Halfway, bytes | None, tuple[bytes, bytes]]
Parser = Generator[Halfway, bytes | None, Request]


def parse(data: bytes) -> Parser:
    """Read one request, and keep the beginning of its body. Returns the Request; raises Rejected.

    `data` is the first bytes; send() takes the next ones. The time is linear in the bytes, however they are split.
    """
    while not (data := data.lstrip(b"\r\n")):
        data = (yield Halfway()) or b""
    if (at := data.find(END, 0, MAX_HEAD)) >= 0:
        head, data = data[:at], data[at + len(END) :]
    else:
        kept, data = bytearray(data), b""
        head, data = yield from _until(END, kept, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    read, length, chunked, expects = _head(head + b"\r\n")
    if expects and not data and (length or chunked):
        data = (yield Halfway(0, CONTINUE)) or b""
    if not chunked and length <= len(data):
        return Request(*read, data[: min(length, BEGIN)], data[length:])
    body = bytearray()
    data = yield from (_skip_chunks(data, body) if chunked else _skip(data, length, body))
    return Request(*read, bytes(body), data)


def _until(end: bytes, kept: bytearray, too_long: int) -> Part:
    """Return what comes before `end`, and what follows it. Raise Rejected if `end` is not within MAX_HEAD bytes."""
    seen = 0
    while (at := kept.find(end, max(0, seen - len(end)), MAX_HEAD)) < 0:
        if len(kept) >= MAX_HEAD:
            raise Rejected(too_long)
        if kept.count(b"\n", seen) != kept.count(b"\r\n", max(0, seen - 1)):
            raise Rejected(HTTPStatus.BAD_REQUEST)  # because its end would never be found
        seen = len(kept)
        kept += (yield Halfway(seen)) or b""
    return bytes(kept[:at]), bytes(kept[at + len(end) :])


def _head(head: bytes) -> tuple[tuple[bytes, bytes, bool, int, bytes, bytes, bytes, bytes], int, bool, bool]:
    """Return the request's first fields, its body's length, whether that is chunked, and whether 100 is expected."""
    found = HEAD.fullmatch(head)
    if not found:
        raise Rejected(HTTPStatus.BAD_REQUEST)
    fields: dict[bytes, set[bytes]] = {}
    for name, value in FIELD.findall(head):
        fields.setdefault(name.lower(), set()).add(value.strip(b" \t").lower())
    minor = int(found["minor"])
    if minor and len(fields.get(b"host", ())) != 1:
        raise Rejected(HTTPStatus.BAD_REQUEST)
    expects = fields.get(b"expect", set())
    if expects - {b"100-continue"}:
        raise Rejected(HTTPStatus.EXPECTATION_FAILED)
    connection = {word.strip() for value in fields.get(b"connection", ()) for word in value.split(b",")}
    keep_alive = b"close" not in connection and (minor > 0 or b"keep-alive" in connection)
    length, chunked = _body(fields.get(b"content-length", set()), fields.get(b"transfer-encoding", set()))
    path, _, query = found["target"].partition(b"?")
    host, origin, token = (b",".join(fields.get(name, ())) for name in (b"host", b"origin", b"release-token"))
    read = (found["method"], path, keep_alive, minor, query, host, origin, token)
    return read, length, chunked, bool(expects and minor)


def _body(lengths: set[bytes], encodings: set[bytes]) -> tuple[int, bool]:
    if encodings - {b"chunked"}:
        raise Rejected(HTTPStatus.NOT_IMPLEMENTED)
    if len(lengths) > 1 or (lengths and encodings) or not all(map(bytes.isdigit, lengths)):
        raise Rejected(HTTPStatus.BAD_REQUEST)
    digits = next(iter(lengths), b"0").lstrip(b"0") or b"0"
    if len(digits) > 10 or int(digits) > MAX_BODY:
        raise Rejected(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return int(digits), bool(encodings)


def _skip(data: bytes, length: int, body: bytearray) -> Generator[Halfway, bytes | None, bytes]:
    """Read `length` bytes, add them to `body` up to BEGIN, and return what follows them."""
    while len(data) < length:
        body += data[: BEGIN - len(body)]
        length -= len(data)
        data = (yield Halfway(len(body))) or b""
    body += data[: min(length, BEGIN - len(body))]
    return data[length:]


def _line(data: bytes) -> Part:
    """Return a line without its CRLF, and what follows it."""
    line, end, rest = data.partition(b"\r\n")
    if end:
        return line, rest
    kept, data = bytearray(data), b""
    return (yield from _until(b"\r\n", kept, HTTPStatus.BAD_REQUEST))


def _skip_chunks(data: bytes, body: bytearray) -> Generator[Halfway, bytes | None, bytes]:
    """Read a chunked body and its trailers, and return what follows them."""
    total = 0
    while True:
        line, data = yield from _line(data)
        size = CHUNK.fullmatch(line)
        if not size:
            raise Rejected(HTTPStatus.BAD_REQUEST)
        length = int(size[1], 16)
        if not length:
            break
        total += length
        if total > MAX_BODY:
            raise Rejected(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        data = yield from _skip(data, length, body)
        line, data = yield from _line(data)
        if line:
            raise Rejected(HTTPStatus.BAD_REQUEST)
    total = 0
    while line:
        line, data = yield from _line(data)
        total += len(line) + 2
        if total > MAX_HEAD:
            raise Rejected(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    return data


def ok(request: Request, close: bool) -> Reply:
    """Return the answer to a notification; `close` closes the connection after it."""
    return _ok(_connection(request, close), request.method == b"HEAD")


@cache
def closing(reply: Reply) -> Reply:
    """Return the same answer, or the rest of one, closing the connection after it."""
    if reply.close or not reply.data.startswith(b"HTTP/"):
        return Reply(reply.data, True)
    head, end, body = reply.data.partition(b"\r\n\r\n")
    return Reply(head.removesuffix(b"\r\nConnection: keep-alive") + b"\r\nConnection: close" + end + body, True)


def json_reply(request: Request, value: object) -> Reply:
    """Return an answer whose body is `value`."""
    return _reply(200, json.dumps(value).encode() + b"\n", "application/json", _connection(request))


def failure(status: int, *fields: str, text: str = "") -> Reply:
    """Return an error that closes the connection. `fields` are more header lines; `text` replaces the usual body."""
    return _reply(
        status, f"{text or HTTPStatus(status).phrase}\n".encode(), "text/plain; charset=utf-8", "close", *fields
    )


@cache
def _ok(connection: str, head: bool) -> Reply:
    whole = _reply(200, b"OK", "text/plain; charset=utf-8", connection)
    return Reply(whole.data.removesuffix(b"OK"), whole.close) if head else whole


def _connection(request: Request, close: bool = False) -> str:
    if close or not request.keep_alive:
        return "close"
    return "" if request.minor else "keep-alive"


def _reply(status: int, body: bytes, content_type: str, connection: str, *fields: str) -> Reply:
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        *fields,
        *([f"Connection: {connection}"] if connection else []),
    ]
    return Reply("\r\n".join([*lines, "", ""]).encode() + body, connection == "close")
