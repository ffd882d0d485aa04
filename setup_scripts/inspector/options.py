"""Counts the TCP connections of the context broker's process for the connections stress test, over RPyC."""

from __future__ import annotations

import argparse
import ipaddress
import re
import socket
from typing import TYPE_CHECKING

from inspector.answer import DEFAULT_NAME

if TYPE_CHECKING:
    from typing import NoReturn

DEFAULT_PORT = 18812  # rpyc_classic's, as in the original manual
MIN_TOKEN, MAX_TOKEN = 16, 4096  # characters
MIN_DIFFERENT = 8  # different characters; a token that protects a port on a network must be hard to guess


def parse_options() -> argparse.Namespace:
    """Return the options. Exits with code 2 and one sentence if one is wrong."""
    parser = _Parser(prog="inspector", description=__doc__, allow_abbrev=False)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=_port, default=DEFAULT_PORT, help="port to listen on; 0 picks a free port (default: %(default)s)"
    )
    parser.add_argument("--token-file", dest="token", type=_token, help="file with the token that clients have to know")
    parser.add_argument(
        "--process-name",
        type=_name,
        default=DEFAULT_NAME,
        help="first letters of the name of the broker's process (default: %(default)s)",
    )
    options = parser.parse_args()
    try:
        host = options.host.strip("[]")
        options.address = socket.getaddrinfo(host, options.port, type=socket.SOCK_STREAM)[0][4][0]
    except (OSError, UnicodeError):
        parser.error(f"--host takes an address or a name of this host, not {options.host!r}")
    if not options.token and not ipaddress.ip_address(options.address.partition("%")[0]).is_loopback:
        parser.error("--host: an address other than loopback needs --token-file")
    return options


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Exit with code 2 and one line, without control characters."""
        self.exit(2, "".join(one if one.isprintable() else "?" for one in f"{self.prog}: error: {message}") + "\n")


def _port(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"takes a number from 0 to 65535, not {text[:40]!r}")
    return int(text)


def _name(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("takes the first letters of a process's name, not an empty text")
    return text


def _token(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(MAX_TOKEN + 1)
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise argparse.ArgumentTypeError(f"takes a file with a token, not {path!r}: {problem}") from None
    if not MIN_TOKEN <= len(text.strip()) <= len(text) <= MAX_TOKEN or len(set(text.strip())) < MIN_DIFFERENT:
        takes = f"a token of {MIN_TOKEN} to {MAX_TOKEN} characters, {MIN_DIFFERENT} of them different"
        raise argparse.ArgumentTypeError(f"takes a file with {takes}, not {path!r}")
    return text.strip()
