"""Redirects are not followed, whoever is redirected: they are named with where they lead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import pytest

from scenario.errors import BrokerError
from scenario.peers.ngsiv2 import Ngsiv2
from tests.support.proxy import Proxy, Rules, proxy
from tests.support.stack import Stack, verdict

EVERYTHING = ("GET /v", "GET /stat", "POST ", "DELETE ")


def redirect_text(server: Proxy) -> str:
    return f"HTTP 307, a redirect to {server.url}/elsewhere, not followed"


def followed(server: Proxy) -> bool:
    return any(asked.what.endswith("/elsewhere") for asked in server.asked)


@pytest.mark.parametrize(
    "ask",
    [
        lambda broker: broker.ask_version(),
        lambda broker: broker.ask_count(),
        lambda broker: broker.ask_backlog(),
        lambda broker: broker.try_client(1.0),
        lambda broker: deque(broker.remove_all()),
    ],
    ids=["version", "count", "statistics", "update", "removal"],
)
def test_it_is_said_where_it_leads(ask: Callable[[Ngsiv2], object]) -> None:
    with proxy(Rules("", moved=EVERYTHING)) as server:
        with pytest.raises(BrokerError, match=redirect_text(server)):
            ask(Ngsiv2(server.url, "service", "/path"))
        assert not followed(server)


def test_preflight(stack: Stack) -> None:
    stack.start()
    with proxy(Rules("", moved=EVERYTHING)) as server:
        run = stack.locust("--preflight-only", "--host", server.url, *_ELSEWHERE)
        assert run.wait() == 3
        run.wait_for(f"error +broker +.*{redirect_text(server)}")
        assert not followed(server)


@pytest.mark.parametrize(
    ("moved", "words"),
    [
        (("POST /v2/subscriptions",), ("subscriptions: 0 of 60 created, 60 refused, the first with: ",)),
        pytest.param(("POST /v2/op/update",), ("trigger: the update was answered with: ",), marks=pytest.mark.slow),
        pytest.param(("GET /statistics", "GET /v2/entities?"), ("queue sizes: ", "query: "), marks=pytest.mark.slow),
    ],
    ids=["subscriptions", "update", "statistics and query"],
)
def test_run(stack: Stack, moved: tuple[str, ...], words: tuple[str, ...]) -> None:
    stack.start()
    with proxy(Rules(f"http://127.0.0.1:{stack.broker_port}", moved=moved)) as server:
        run = stack.locust("--force", "--host", server.url, "--healthy", 0, *_ELSEWHERE)
        assert run.wait(60) in (1, 4), run.output
        assert all(word in verdict(run)[1] for word in words)
        assert redirect_text(server) in run.output
        assert not followed(server)


_ELSEWHERE = ("--no-connection-info",)  # the proxy's port is not the broker's
