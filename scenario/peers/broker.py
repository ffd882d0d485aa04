"""NGSIv2 as the scenario speaks it: requests, and what counts as a right answer. Nothing of Locust.

Rules and figures: https://fiware-orion.readthedocs.io (API walkthrough, statistics, subscription cache).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

CALL_TIMEOUT = (2.0, 5.0)  # s to connect, s to answer, for everything that is asked outside the probes
_ENTITY = "ConnectionsStressTest"


class BrokerError(Exception):
    """The broker did not answer, or not rightly; the text is one sentence."""


def subscription(notify_url: str) -> str:
    """Return the body that subscribes `notify_url` to every entity."""
    return json.dumps(
        {
            "description": "connections stress test",
            "subject": {"entities": [{"idPattern": ".*"}]},
            "notification": {"http": {"url": notify_url}},
        }
    )


def update(value: float) -> str:
    """Return the body of the one update; `value` has to be new, for Orion notifies only what changes."""
    entity = {"id": _ENTITY, "type": "Thing", "temperature": {"value": value, "type": "Number"}}
    return json.dumps({"actionType": "append", "entities": [entity]})


def scope(service: str, service_path: str) -> dict[str, str]:
    """Return the headers that name the service."""
    return {"Fiware-Service": service, "Fiware-ServicePath": service_path}


def creation_error(status: int, headers: Mapping[str, str], body: str | None) -> str:
    """Say what is wrong with the answer to a subscription; empty when it was created."""
    if status != 201:
        return answer(status, body)
    if not re.search(r"/v2/subscriptions/\w+", headers.get("Location") or ""):
        return "201 without the Location of a subscription"
    return ""


def answer(status: int, body: str | None) -> str:
    """Return status and the beginning of the body, for an error message."""
    return f"HTTP {status} {(body or '').strip()[:200]}".strip()


def version_error(status: int, body: str) -> str:
    """Say what is wrong with the answer to GET /version; empty when it is right."""
    if status != 200:
        return answer(status, body)
    try:
        right = isinstance(json.loads(body), dict)
    except ValueError:
        right = False
    return "" if right else "200 without a JSON object"


def reason(error: BaseException | None) -> str:
    """Say in a few words why a request got no answer."""
    text = repr(error)
    for words, meaning in (
        ("ConnectTimeout", "no connection within the time limit"),
        ("ReadTimeout|Read timed out|timed out", "no answer within the time limit"),
        ("RemoteDisconnected|without response", "closed without an answer"),
        ("ConnectionReset|reset by peer", "connection reset"),
        ("Connection refused|ConnectionRefused", "connection refused"),
        ("BrokenPipe", "closed while the request was sent"),
        ("Name or service not known|getaddrinfo|NameResolution", "host name unknown"),
    ):
        if re.search(words, text):
            return meaning
    return str(error) or type(error).__name__


def ask(method: str, url: str, headers: Mapping[str, str]) -> requests.Response:
    """Send one request over a new connection, whatever proxy the environment names. Raises RequestException."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, headers={**headers, "Connection": "close"}, timeout=CALL_TIMEOUT)


@dataclass(frozen=True)
class Broker:
    """Asks a broker what the run needs to know besides its probes. Every call raises BrokerError."""

    host: str
    service: str
    service_path: str

    def version(self) -> str:
        """Return the text of GET /version."""
        response = self._get("/version", {})
        if error := version_error(response.status_code, response.text):
            raise BrokerError(f"the broker at {self.host} answered GET /version with {error}")
        return response.text

    def subscription_count(self) -> int:
        """Return how many subscriptions the service has (header Fiware-Total-Count)."""
        response = self._get("/v2/subscriptions?limit=1&options=count", scope(self.service, self.service_path))
        count = response.headers.get("Fiware-Total-Count", "")
        if response.status_code != 200 or not count.isdigit():
            raise BrokerError(
                f"the broker did not count the subscriptions: {answer(response.status_code, response.text)}"
            )
        return int(count)

    def cache(self) -> tuple[int, int] | None:
        """Return (refreshes, items) of the subscription cache over all services; None when there is no such answer."""
        response = self._get("/cache/statistics", {})
        try:
            statistics = response.json()
            return int(statistics["refresh"]), int(statistics["items"])
        except (ValueError, KeyError, TypeError):
            return None

    def backlog(self) -> int | None:
        """Return how many notifications wait for a worker; None when the broker does not tell."""
        try:
            queue = notification_queue(self._get("/statistics", {}).json())
        except ValueError:
            return None
        return queue["backlog"] if queue else None

    def _get(self, path: str, headers: dict[str, str]) -> requests.Response:
        try:
            return ask("GET", self.host + path, headers)
        except requests.RequestException as error:
            raise BrokerError(
                f"the broker at {self.host} (--host) did not answer GET {path}: {reason(error)}"
            ) from None


def notification_queue(statistics: Any) -> dict[str, int | None] | None:
    """Return QueueSample's figures from the JSON of GET /statistics; None without a notifQueue block.

    `size` is what Orion reports: the size when a worker last took something. The backlog is `in` - `out`.
    """
    block = statistics.get("notifQueue") if isinstance(statistics, dict) else None
    if not isinstance(block, dict):
        return None
    entered, left = block.get("in"), block.get("out")
    return {
        "entered": entered,
        "size": block.get("size"),
        "backlog": entered - left if isinstance(entered, int) and isinstance(left, int) else None,
        "sent_ok": block.get("sentOk"),
        "sent_error": block.get("sentError"),
        "rejected": block.get("reject"),
    }
