"""Access to a broker behind TLS or a PEP proxy: certificates, and headers of every request.

Each process has its own. Neither is sent to workers.
"""

from __future__ import annotations

import logging
import re
import ssl
import warnings
from argparse import ArgumentTypeError
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import requests
from certifi import where
from urllib3.exceptions import InsecureRequestWarning

from scenario.errors import OptionError
from scenario.settings.secrets import hide

# What the test, or HTTP itself, sets
_OURS = frozenset(
    (
        *("fiware-service", "fiware-servicepath", "ngsild-tenant"),
        *("accept", "accept-encoding", "content-type", "content-length", "transfer-encoding", "connection"),
    )
)
_TAKES = "takes 'Name: value', of printable ASCII"  # what was given may be a secret: it is not repeated
_LARGEST = 100_000  # characters of a file of headers
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Access:
    """The values of the options of the same names."""

    ca_file: str = ""
    insecure: bool = False
    cert: str = ""
    key: str = ""
    header: str = field(default="", repr=False)  # one a line
    header_file: str = ""

    def headers(self) -> dict[str, str]:
        """Return the headers of every request. A file that changed is read again."""
        return parse_headers(self.header) | (_header_file(self.header_file).read() if self.header_file else {})

    def context(self) -> ssl.SSLContext:
        """Return the one TLS context of all connections. Raises OSError, of which ssl.SSLError is one."""
        return _context(self.ca_file or where(), self.insecure, self.cert, self.key)

    def check(self) -> None:
        """Raise OptionError for what cannot be used."""
        if self.key and not self.cert:
            raise OptionError("--key: belongs to a certificate; --cert names it")
        if self.insecure and self.ca_file:
            raise OptionError("--insecure: nothing is verified, so leave out --ca-file; or leave out --insecure")
        try:
            self.context()
        except OSError as error:
            raise OptionError(f"--cert: takes a certificate and its key, without a passphrase: {error}") from None

    def apply_to(self, session: requests.Session) -> None:
        """Set the CA certificates and the client certificate of a session."""
        session.verify = not self.insecure and (self.ca_file or True)
        session.cert = (self.cert, self.key or self.cert) if self.cert else None
        if self.insecure:
            warnings.simplefilter("ignore", InsecureRequestWarning)  # the preflight and the verdict say it


@cache
def _context(ca_file: str, insecure: bool, cert: str, key: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert:
        context.load_cert_chain(cert, key or None, password="")  # else OpenSSL would ask at the terminal
    return context


def ca_file(text: str) -> str:
    """Check a file of CA certificates; nothing: those of certifi."""
    try:
        if text:
            ssl.create_default_context(cafile=text)
    except OSError as error:
        raise ArgumentTypeError(f"takes a file of PEM certificates, not {text!r}: {error.strerror}") from None
    return text


def header(text: str) -> str:
    """Check headers, one a line."""
    parse_headers(text)
    return text


def header_file(text: str) -> str:
    """Check a file of headers; nothing: none."""
    if text:
        _read(text)
    return text


def parse_headers(text: str) -> dict[str, str]:
    """Return headers, one a line; a line after # is none. Raises ArgumentTypeError.

    Their values leave this process in requests alone.
    """
    found: dict[str, str] = {}
    for line in map(str.strip, text.split("\n")):
        if not line or line.startswith("#"):
            continue
        parts = re.fullmatch(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([ -~]+)", line)
        if parts is None:
            raise ArgumentTypeError(_TAKES)
        if parts[1].lower() in _OURS:
            raise ArgumentTypeError(f"takes no {parts[1]}, which the test itself sets")
        found[parts[1]] = parts[2]
        if parts[1].lower() != "host":  # it names the broker, as many a text does
            hide(parts[2], words=True)
    return found


def _read(path: str) -> dict[str, str]:
    if Path(path).exists() and not Path(path).is_file():  # to open a pipe waits for its writer
        raise ArgumentTypeError(f"takes a file that can be read, not {path!r}: it is no regular file")
    try:
        with Path(path).open(encoding="utf-8") as file:
            return parse_headers(file.read(_LARGEST))
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", "") or "no text"
        raise ArgumentTypeError(f"takes a file that can be read, not {path!r}: {reason}") from None


OPEN = Access()  # no certificates, no headers


class _HeaderFile:
    """A file of headers. It is read again when it has changed, because tokens are renewed in mid-run."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen: object = None
        self._headers: dict[str, str] = {}

    def read(self) -> dict[str, str]:
        """Return its headers. If it cannot be read, return those before: it may be being written."""
        try:
            state = Path(self._path).stat()
            seen: object = (state.st_mtime_ns, state.st_size, state.st_ino)
        except OSError as error:
            seen = error.strerror
        if seen != self._seen:
            self._seen = seen
            try:
                self._headers = _read(self._path)
            except ArgumentTypeError as error:
                _log.warning("--header-file: %s; the headers that were in it before are sent on", error)
        return self._headers


@cache
def _header_file(path: str) -> _HeaderFile:
    return _HeaderFile(path)
