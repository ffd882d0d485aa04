"""Who lets us in: what a broker behind TLS or a PEP proxy says to somebody without the right papers."""

from __future__ import annotations

from collections.abc import Iterator

from scenario.peers.failures import Kind
from scenario.run.found import Found
from scenario.run.results import WARNING, Check


def check_access(found: Found) -> Iterator[Check]:
    """Warn of what nobody verifies."""
    if found.options.insecure and found.options.host.startswith("https:"):
        remedy = "leave out --insecure; --ca-file names the CA certificates of your own"
        yield Check("TLS", WARNING, "NOT VERIFIED: whoever answers is taken for the broker", "a verified one", remedy)


def remedy(found: Found) -> str:
    """Say what makes the broker answer."""
    if found.kinds.get("broker") == Kind.DENIED:
        return "--header 'X-Auth-Token: ...', or --header-file, gives what it wants to see with every request"
    return f"curl {found.options.host}/version has to answer; --host names the broker"
