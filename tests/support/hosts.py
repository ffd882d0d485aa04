"""Hosts for the tests: network namespaces on a bridge of their own, or loopback addresses where none may be made."""

from __future__ import annotations

import random
import subprocess
import uuid
import warnings
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Self

SETUP = 'hostname "$0" && mount --bind "$1" /etc/hosts && shift && exec "$@"'  # in its own UTS and mount namespace


class Hosts(ExitStack):
    """Hosts by name, on one network. Nothing of them is left after the `with` block.

    No address is seen outside the namespaces, so that parallel test runs may use the same. On loopback the hosts have
    addresses, but neither names nor links.
    """

    def __init__(self, *names: str, folder: Path) -> None:
        super().__init__()
        self.names, self.folder, self.loopback = names, folder, False
        self.id = f"cst-{uuid.uuid4().hex[:8]}"

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self._make_namespaces()
        except (OSError, subprocess.CalledProcessError) as error:
            self.close()
            reason = getattr(error, "stderr", "") or error
            warnings.warn(f"no network namespaces here, the hosts are loopback addresses: {reason}", stacklevel=2)
            self.loopback = True
        network = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}" if self.loopback else "198.18.0"  # RFC 2544
        self.addresses = {name: f"{network}.{number}" for number, name in enumerate(self.names, 1)}
        for name in self.names * (not self.loopback):
            self._join(name)
        self.file = self.folder / "hosts"
        entries = {"localhost": "127.0.0.1", **self.addresses}
        self.file.write_text("".join(f"{address} {name}\n" for name, address in entries.items()), encoding="utf-8")
        return self

    def on(self, name: str) -> list[str]:
        """Return the words that run the command after them on a host."""
        if self.loopback:
            return []
        return [
            *("ip", "netns", "exec", f"{self.id}-{name}", "unshare", "--uts"),
            *("sh", "-c", SETUP, name, str(self.file)),
        ]

    def unplug(self, name: str) -> None:
        """Take the host's link down. What is sent to it or from it is lost without an error."""
        _ip("-n", f"{self.id}-{name}", "link", "set", "eth0", "down")

    def _make_namespaces(self) -> None:
        for namespace in (self.id, *(f"{self.id}-{name}" for name in self.names)):
            _ip("netns", "add", namespace)
            self.callback(partial(self._remove, namespace))
        _ip("-n", self.id, "link", "add", "switch", "type", "bridge")
        _ip("-n", self.id, "link", "set", "switch", "up")
        for name in self.names:
            own = f"{self.id}-{name}"
            _ip("-n", own, "link", "add", "eth0", "type", "veth", "peer", "name", name, "netns", self.id)
            _ip("-n", self.id, "link", "set", "dev", name, "master", "switch", "up")

    def _join(self, name: str) -> None:
        own = f"{self.id}-{name}"
        _ip("-n", own, "addr", "add", f"{self.addresses[name]}/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            _ip("-n", own, "link", "set", link, "up")

    def _remove(self, namespace: str) -> None:
        pids = _ip("netns", "pids", namespace).split()
        _ip("netns", "del", namespace)
        assert not pids, f"left on {namespace}: {pids}"
        assert namespace not in _ip("netns", "list").split()


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=20).stdout
