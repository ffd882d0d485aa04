"""The URLs of --notify-url: where the listeners are; a port may be a range, as the listener's own -port."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError

from scenario.settings.values import host_and_port, joined, quoted, urls

MOST_PORTS = 1000  # of a range


def notify_url(text: str) -> str:
    """Check listener URLs. The listener speaks no TLS, and what holds a notification must tell its stats."""
    for url in urls(text) or [text]:
        each_port(url)
        if url.lower().startswith("https:"):
            raise ArgumentTypeError(f"takes http://, because the listeners speak no TLS, not {quoted(url)}")
    return text


def each_port(url: str) -> list[str]:
    """Return a URL for each port of the range in it; itself without one. Raises ArgumentTypeError."""
    found = re.fullmatch(r"(https?://[^/?#]*:)([0-9]{1,5})-([0-9]{1,5})((?:[/?#].*)?)", url)
    if found is None:
        host_and_port(url)
        return [url]
    first, last = int(found[2]), int(found[3])
    if not 0 < first <= last < min(first + MOST_PORTS, 65536):
        raise ArgumentTypeError(f"takes a range of up to {MOST_PORTS} ports such as 10000-10999, not {first}-{last}")
    each = [f"{found[1]}{port}{found[4]}" for port in range(first, last + 1)]
    host_and_port(each[0])
    return each


def host_and_ports(url: str) -> str:
    """Return host:port of a URL, host:first-last of one with a range of ports."""
    found = re.match(r"https?://[^/?#]*:[0-9]{1,5}-([0-9]{1,5})", url)
    return address_of(url) + (f"-{found[1]}" if found else "")


def address_of(url: str) -> str:
    """Return host:port of a URL, an IPv6 address in brackets; of a range of ports the first."""
    return joined(*host_and_port(url))
