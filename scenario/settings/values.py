"""Checks of option values. Each function takes the text and raises ArgumentTypeError with one clear sentence.

Those used as an argparse `type` return a str, int or float.
"""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from scenario.settings.replacing import open_for_writing

BROKER_PORT, INSPECTOR_PORT, MONGO_PORT = 1026, 18812, 27017
AUTO, BROKERS = "auto", ("auto", "orion", "ngsi-ld")  # kinds of brokers
CLIENT_PATH = "/ordinary_client"  # the service path in which the ordinary client updates and queries
# https://fiware-orion.readthedocs.io, "Multi tenancy": lower case letters, digits and _, at most 50 characters
SERVICE_RULE = "1 to 50 lower case letters, digits or _"
MOST = 1_000_000  # subscriptions
LONGEST = 1000 * 3600  # s
_QUOTED = 100  # characters
_DIGITS = 20  # more than any accepted number has
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
# What Locust adds to a name
_OF_LOCUST = ("", ".json", *(f"_{name}.csv" for name in ("stats", "stats_history", "failures", "exceptions")))
_UNIT_SECONDS = {"h": 3600, "m": 60, "s": 1}


def quoted(text: str) -> str:
    """Return a text for use in a sentence: quoted, without control characters, and cut at 100 characters."""
    return repr(text if len(text) <= _QUOTED else f"{text[:_QUOTED]}...")


def seconds(text: str) -> float:
    """Return the seconds of `90s`, `1h30m` or `60`. A bare number is minutes, as in the original test."""
    spelled = f"{text}m" if re.fullmatch(_NUMBER, text) else text
    parts = re.findall(f"({_NUMBER})([hms])", spelled)
    if not parts or "".join(number + unit for number, unit in parts) != spelled:
        raise ArgumentTypeError(
            f"takes a duration such as 60m, 90s or 1h30m, or a bare number of minutes, not {quoted(text)}"
        )
    total = float(sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts))
    if total > LONGEST:
        raise ArgumentTypeError(f"takes a duration of at most {LONGEST // 3600}h, not {quoted(text)}")
    return total


def broker_url(text: str) -> str:
    """Return the broker's URL. A bare host, as in the original test, means http and port 1026."""
    if "://" not in text:
        text = f"http://{joined(*parse_address(text, 'localhost', BROKER_PORT))}"
    host_and_port(text)
    return text.rstrip("/")


def host_and_port(url: str) -> tuple[str, int]:
    """Return host and port of an http(s) URL; of a range of ports the first. Raises ArgumentTypeError."""
    url = re.sub(r"^(https?://[^/?#]*:[0-9]{1,5})-[0-9]{1,5}(?=[/?#]|$)", r"\1", url)
    try:
        parts = urlsplit(url)
        if "@" in parts.netloc:
            raise ArgumentTypeError("takes URLs without user and password, because pages and workers see them")
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and url.isprintable():
            parts.hostname.encode("idna")
            return parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]
    except ValueError:
        pass
    raise ArgumentTypeError(f"takes URLs such as http://localhost:8090/notify, not {quoted(url)}")


def without_brackets(text: str) -> str:
    """Return a host for Locust: an IPv6 address without brackets."""
    return text.strip("[]")


def joined(host: str, port: int) -> str:
    """Return host:port, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def urls(text: str) -> list[str]:
    """Split a comma-separated list."""
    return [url.strip() for url in text.split(",") if url.strip()]


def host(text: str) -> str:
    """Check the broker's URL, or its bare host."""
    return text if text in ("", "None") else broker_url(text)


def broker(text: str) -> str:
    """Check a kind of broker."""
    if text not in BROKERS:
        raise ArgumentTypeError(f"takes {', '.join(BROKERS)}, not {quoted(text)}")
    return text


def origins(text: str) -> str:
    """Check values of the header Origin: scheme, host and port only."""
    for origin in urls(text):
        host_and_port(origin)
        if urlsplit(origin.rstrip("/"))._replace(scheme="", netloc="").geturl():
            raise ArgumentTypeError(
                f"takes origins such as https://load.example.com, without a path, not {quoted(origin)}"
            )
    return text


def duration(text: str) -> str:
    if seconds(text) <= 0:
        raise ArgumentTypeError("takes a duration above 0")
    return text


def ramp(text: str) -> str:
    """Check a ramp, or "" for none."""
    if text:
        steps(text)
    return text


def steps(text: str) -> tuple[int, int, int]:
    """Return START, STOP and STEP of a ramp."""
    parts = re.fullmatch(r"([0-9]{1,7}):([0-9]{1,7}):([0-9]{1,7})", text)
    start, stop, step = map(int, parts.groups()) if parts else (0, 0, 0)
    if not (0 < start <= stop <= MOST and step):
        raise ArgumentTypeError(f"takes START:STOP:STEP in connections, such as 1000:10000:1000, not {quoted(text)}")
    return start, stop, step


def is_service(name: str) -> bool:
    """Whether Orion accepts `name` as a service."""
    return re.fullmatch(r"[a-z0-9_]{1,50}", name) is not None


def service(text: str) -> str:
    if not is_service(text):
        raise ArgumentTypeError(f"takes {SERVICE_RULE}, not {quoted(text)}")
    return text


def service_path(text: str) -> str:
    # https://fiware-orion.readthedocs.io: absolute, at most 10 levels of at most 50 alphanumerics or underscores
    if not re.fullmatch(r"/|(/\w{1,50}){1,10}", text, re.ASCII):
        raise ArgumentTypeError(
            f"takes a path such as /test (letters, digits, _; at most 10 levels), not {quoted(text)}"
        )
    if text == CLIENT_PATH:
        raise ArgumentTypeError(f"takes a path other than {CLIENT_PATH}, because the ordinary client uses that one")
    return text


def parse_address(text: str, default_host: str, default_port: int) -> tuple[str, int]:
    """Return host and port of `host[:port]`, or the defaults for missing parts. IPv6 addresses have brackets."""
    parts = re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[^\[\]:/\s]*)(?::([0-9]{1,5}))?", text)
    if parts is None or not _is_host(parts[1]) or not 1 <= int(parts[2] or default_port) <= 65535:
        raise ArgumentTypeError(f"takes host or host:port (an IPv6 address in brackets), not {quoted(text)}")
    return parts[1].strip("[]") or default_host, int(parts[2] or default_port)


def _is_host(name: str) -> bool:
    try:
        return name.isprintable() and bool(name.encode("idna") or not name)
    except UnicodeError:  # a label is empty or too long
        return False


def address(text: str) -> str:
    """Check host[:port]."""
    parse_address(text, "localhost", INSPECTOR_PORT)
    return text


def report_log(text: str) -> str:
    """Check that the text names a file. The preflight checks whether it can be written."""
    if not text or Path(text).is_dir():
        raise ArgumentTypeError(f"takes a file, not {quoted(text)}")
    return text


def writable(text: str) -> str:
    """Check a file by opening it for writing."""
    try:
        open_for_writing(Path(report_log(text)))
    except OSError as error:
        raise ArgumentTypeError(f"takes a file that can be written, not {quoted(text)}: {error.strerror}") from None
    return text


def written_by_locust(text: str) -> str:
    """Check a file, or a prefix of files, that Locust will write. Creates the folder, as Locust does."""
    try:
        Path(text).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentTypeError(f"takes a file that can be written, not {quoted(text)}: {error.strerror}") from None
    for path in (Path(text + end) for end in _OF_LOCUST):
        if path.is_symlink() and not path.is_relative_to("/dev") and (path.is_file() or not path.exists()):
            raise ArgumentTypeError(f"takes no link, which Locust would follow: {quoted(str(path))} is one")
    return writable(text)


def readable(text: str) -> str:
    """Check that a file can be read. "" is no file."""
    try:
        if text:
            Path(text).read_bytes()
    except OSError as error:
        raise ArgumentTypeError(f"takes a file that can be read, not {quoted(text)}: {error.strerror}") from None
    return text


def report(text: str) -> str:
    """Check that the text names a file. "" is no file."""
    return text and report_log(text)


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return a check for whole numbers from `least` to `most`."""

    def check(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]+", text):
            raise ArgumentTypeError(f"takes a whole number, not {quoted(text)}")
        number = int(text[:_DIGITS])
        if not least <= number <= most:
            raise ArgumentTypeError(f"takes a whole number from {least} to {most}, not {text[:_QUOTED]}")
        return number

    return check


def milliseconds(text: str) -> float:
    if not re.fullmatch(f"[+-]?{_NUMBER}(e[+-]?[0-9]+)?", text):
        raise ArgumentTypeError(f"takes milliseconds, not {quoted(text)}")
    number = float(text)
    if not 0 < number <= 60_000:
        raise ArgumentTypeError(f"takes milliseconds above 0 and up to 60000, not {text[:_QUOTED]}")
    return number
