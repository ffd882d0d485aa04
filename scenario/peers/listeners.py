"""What the master asks the listeners: their stats, and to answer what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from scenario.peers.broker import ask, reason


class ListenerError(Exception):
    """A listener did not answer, or not rightly; the text is one sentence."""


def stats(address: str) -> dict[str, Any]:
    """Return what GET /-/stats of the listener at host:port tells; nothing when it is another kind of receiver."""
    answer = _ask("GET", f"http://{address}/-/stats")
    try:
        found = answer.json() if answer.status_code == 200 else {}
    except ValueError:
        found = {}
    return found if isinstance(found, dict) else {}


def release(address: str) -> int:
    """Have a listener answer what it holds, and close; return how many notifications that were."""
    url = f"http://{address}/-/release"
    try:
        token = _ask("GET", url).json()["token"]
    except (ValueError, KeyError, TypeError):
        token = ""  # it will say itself what it wants
    answer = _ask("POST", f"{url}?close", {"Release-Token": str(token)})
    try:
        return int(answer.json()["released"])
    except (ValueError, KeyError, TypeError):
        refused = f"the listener at {address} does not take POST /-/release: HTTP {answer.status_code}"
        raise ListenerError(f"{refused} (is it told -admin any?)") from None


def _ask(method: str, url: str, headers: Mapping[str, str] | None = None) -> requests.Response:
    try:
        return ask(method, url, headers or {})
    except requests.RequestException as error:
        raise ListenerError(reason(error)) from None
