"""Whatever a peer answers: what reads it returns what it should, or says one short sentence about that peer."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scenario.errors import StressTestError
from scenario.peers import inspector
from scenario.peers.answers import Answer, WrongShapeError, parse
from scenario.peers.failures import Failure
from scenario.peers.inspection import Inspection
from scenario.peers.listeners import ListenerStats, News, notified_of, read_stats
from scenario.peers.ngsiv2 import Ngsiv2
from scenario.peers.privileges import may_drop

BROKER = Ngsiv2("http://localhost:1026", "service", "/path")
MANY = settings(
    max_examples=int(os.environ.get("EXAMPLES", "60")), deadline=None, suppress_health_check=list(HealthCheck)
)
NUMBERS: list[Any] = [0, -1, 2**53, 2**63, 2**64, 10**400, 1e308, -1e308, 0.5, True, None, "", "7", "9" * 5000, [], {}]
KEYS = [
    *(
        "orion",
        "version",
        "uptime",
        "libversions",
        "notifQueue",
        "semWait",
        "subCache",
        "in",
        "out",
        "size",
        "refresh",
        "items",
        "id",
        "number",
    ),
    *("value", "description", "held", "accepted", "received", "out_of_descriptors", "abandoned", "delay", "timeout"),
    *("limits", "nofile_soft", "notified", "arrivals", "next", "left", "clock", "error", "kind"),
]
VALUES = st.recursive(
    st.sampled_from(NUMBERS) | st.text(max_size=8) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=25,
)
STATS: dict[str, Any] = {
    **dict.fromkeys(("held", "accepted", "received", "out_of_descriptors", "abandoned", "delay", "timeout"), 0),
    "limits": {"nofile_soft": 1024},
    "notified": dict.fromkeys(("update", "notifications", "subscriptions", "doubled", "forgotten"), 0),
}
NEWS = {"arrivals": [[1, 2, 3, 4]], "next": "1", "left": 0, "clock": 1.5}
BODIES = st.builds(json.dumps, VALUES) | st.text() | st.sampled_from(["[" * 9999, '{"a":' * 9999, "NaN", "1e999"])
READERS: dict[str, Callable[[Answer], object]] = {
    "version": BROKER.version_error,
    "libraries": BROKER.libraries_of,
    "name": lambda answer: BROKER.name(answer.body),
    "uptime": lambda answer: BROKER.uptime(answer.body),
    "subscribe": BROKER.subscribe_error,
    "update": BROKER.update_error,
    "query": lambda answer: BROKER.query_error(answer, 7),
    "statistics": BROKER.statistics_of,
    "count": BROKER.counted,
    "remove": lambda answer: list(BROKER.remove(lambda request: answer if request.method == "GET" else Answer(500))),
    "stats": read_stats,
    "news": lambda answer: parse(answer.body, News),
    "inspection": lambda answer: inspector._parsed(answer.body, Inspection),
}


def changed(body: dict[str, Any], path: list[int], value: object) -> str:
    """Return JSON with one value of it replaced."""
    copy = json.loads(json.dumps(body))
    place, key = copy, ""
    for number in path:
        if not isinstance(place, dict) or not place:
            break
        key = sorted(place)[number % len(place)]
        if not isinstance(place[key], dict) or number == path[-1]:
            break
        place = place[key]
    place[key] = value
    return json.dumps(copy)


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@MANY
@given(
    status=st.sampled_from([200, 201, 204, 302, 404, 500, 99, 999]),
    body=BODIES,
    header=st.text(max_size=9) | st.sampled_from(["9" * 5000, "-1", "1e308", "http://["]),
)
def test_any_answer(reader: Callable[[Answer], object], status: int, body: str, header: str) -> None:
    answer = Answer(status, {"Location": header, "Fiware-Total-Count": header}, body)
    try:
        result = reader(answer)
    except (StressTestError, WrongShapeError) as error:
        result = error
    if isinstance(result, Failure | Exception):
        assert len(str(result)) < 500


@MANY
@given(path=st.lists(st.integers(0, 9), min_size=1, max_size=2), value=VALUES)
def test_stats_with_one_thing_wrong(path: list[int], value: object) -> None:
    try:
        stats = parse(changed(STATS, path, value), ListenerStats)
    except WrongShapeError:
        return
    assert max(stats.delay, stats.timeout) <= 1e12
    assert round(stats.delay * 2000) >= 0
    assert sum(each.held + each.accepted for each in [stats] * 1000) < 2**64
    notified_of({"listener:8090": stats})


@MANY
@given(path=st.lists(st.integers(0, 9), min_size=1, max_size=1), value=VALUES)
def test_news_with_one_thing_wrong(path: list[int], value: object) -> None:
    try:
        news = parse(changed(NEWS, path, value), News)
    except WrongShapeError:
        return
    assert abs(news.clock * 1000) < 1e16
    assert all(abs(latency / 1000) < 1e17 for *_, latency in news.arrivals)


@MANY
@given(VALUES)
def test_any_privileges(auth_info: object) -> None:
    assert may_drop(auth_info, "orion-service") in (True, False)
