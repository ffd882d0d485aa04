"""NGSI-LD brokers: which kind answers, what is its own, and what the verdict says of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from scenario.peers import recognise
from scenario.peers.answers import Answer
from scenario.peers.failures import Kind
from scenario.peers.ngsild import CLIENT, SLOW, NgsiLd
from scenario.preflight.look_around import look_around
from scenario.run.results import Row
from scenario.settings.access import OPEN
from scenario.verdict.causes.ngsild import NGSILD
from scenario.verdict.criteria import judge_hold
from scenario.verdict.hold import Hold
from tests.support.holds import TRIGGER, options, passing
from tests.support.processes import Processes
from tests.support.stack import steps

RUN = "0123456789abcdef" * 2
BROKER = NgsiLd("http://x", "service", SLOW, RUN)
TENANT = '{"title": "NonexistentTenant"}'
ANSWERS: list[tuple[str, str, dict[str, str]]] = [  # kind, --broker, what is answered with 200 by path
    ("orion", "auto", {"/version": '{"orion": {"version": "4.7.0"}}'}),
    ("orion-ld", "auto", {"/version": '{"orionld version": "1.6.0"}'}),
    ("coraine", "auto", {"/version": '{"product": "coraine", "version": "0.3.0"}'}),
    ("scorpio", "auto", {"/q/info": '{"build": {"version": "5", "group": "eu.neclab.ngsildbroker"}}'}),
    ("antares", "ngsi-ld", {"/q/health": '{"version": "0.1.0", "store": "memory"}'}),
    ("ngsi-ld", "auto", {"/ngsi-ld/v1/subscriptions?limit=1": "[]"}),
    ("ngsi-ld", "ngsi-ld", {"/q/info": '{"build": {"version": "5", "group": "org.acme"}}'}),
    ("orion", "auto", {}),
    ("orion", "orion", {"/q/health": '{"version": "0.1.0", "store": "memory"}'}),
]


@contextmanager
def answering(
    answers: dict[str, str], written: list[tuple[str, str, str]], asked: list[str] | None = None
) -> Iterator[str]:
    """Answer GET with one of `answers`, by path, and what writes with 204."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if asked is not None:
                asked.append(self.path)
            body = answers.get(self.path, "{}").encode()
            self.send_response(200 if self.path in answers else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            written.append((self.command, self.path, body))
            self.send_response(204)
            self.end_headers()

        do_DELETE = do_POST

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize(("kind", "asked", "answers"), ANSWERS)
def test_which_kind_answers(kind: str, asked: str, answers: dict[str, str]) -> None:
    with answering(answers, []) as url:
        assert recognise(asked, url, "service", OPEN).kind == kind


def test_a_broker_without_an_uptime_is_not_asked_for_it() -> None:
    asked: list[str] = []
    answers = {"/q/health": '{"version": "0.1.0", "store": "memory"}'}
    with answering(answers, [], asked) as url:
        apart: dict[str, Any] = {"client": False, "connection_info": False, "notify_urls": [f"{url}/notify"]}
        look_around(options(kind="auto", host=url, reset=False, **apart))
    assert asked.count("/q/health") == 2  # to recognise it, and for its version


def test_the_first_write_notifies_no_slow_receiver_and_leaves_nothing() -> None:
    written: list[tuple[str, str, str]] = []
    with answering({}, written) as url:
        NgsiLd(url, "service", SLOW, RUN).prepare(1.0)
    (_, _, body), (method, path, _) = written
    (entity,) = json.loads(body)
    assert entity["type"] == CLIENT
    assert (method, path) == ("DELETE", f"/ngsi-ld/v1/entities/{entity['id']}")


def test_every_request_says_what_it_accepts_and_whose_it_is() -> None:
    for request in (BROKER.version(), BROKER.subscribe("http://l/n"), BROKER.update(1.0), BROKER.query()):
        assert request.headers["Accept"] == "application/json"
        assert request.headers["NGSILD-Tenant"] == "service"


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (Answer(201, {"Location": "http://x/ngsi-ld/v1/subscriptions/urn:1"}), True),
        (Answer(201), False),
        (Answer(409), True),  # made by the same request, sent twice
        (Answer(400, {}, "{}"), False),
    ],
)
def test_subscribed(answer: Answer, right: bool) -> None:
    assert (BROKER.subscribe_error(answer) is None) is right


def test_only_its_own_is_removed() -> None:
    own = json.loads(BROKER.subscribe("http://l/n").body)
    others = [
        {**own, "description": "another's"},
        {**own, "id": f"{own['id']}0"},
        {**own, "id": own["id"].replace(RUN, RUN[::-1])},
    ]
    kept = {each["id"]: each for each in [own, *others[1:]]}
    asked: list[str] = []

    def ask(request: Any) -> Answer:
        asked.append(f"{request.method} {request.path}")
        if request.method == "DELETE":
            kept.pop(request.path.rpartition("/")[2])
            return Answer(204)
        return Answer(200, {}, json.dumps([*kept.values()])) if "subscriptions" in request.path else Answer(404)

    assert list(BROKER.remove(ask)) == [1]
    assert [each for each in asked if each.startswith("DELETE")] == [f"DELETE /ngsi-ld/v1/subscriptions/{own['id']}"]


def test_a_tenant_that_nobody_wrote_to_is_empty() -> None:
    assert list(BROKER.remove(lambda _: Answer(404, {}, TENANT))) == []
    assert BROKER.failure_of(Answer(500, {}, "Connection refused")).kind is Kind.NO_DATABASE


def seen(kind: str, updates: int = 1, **parts: dict[str, Any]) -> Hold:
    """Return a hold of 100 subscriptions at a broker of a kind, with what is different in each row after the update."""
    hold = passing()
    options = hold.options.changed(
        kind=kind, updates=updates, healthy_apart=True, queue_size=False, notify_urls=["http://l:1-2/notify"]
    )

    def change(row: Row) -> Row:
        if row.second <= TRIGGER:
            return row
        return replace(row, **{part: replace(getattr(row, part), **fields) for part, fields in parts.items()})

    return replace(hold, options=options, rows=[change(row) for row in hold.rows])


LATE = {"slowest": 20_000.0, "same_arrived": 10, "same_slowest": 30.0}
NONE_HELD = {"held": 0, "notifications": 0, "notified": 0}
SOME = {"held": 0, "notifications": 5, "notified": 5}


@pytest.mark.parametrize(
    ("hold", "outcome", "cause"),
    [
        (seen("scorpio", healthy={"same_arrived": 10, "same_slowest": 30.0}), "PASS", ""),
        (seen("scorpio", healthy=LATE, listener={"held": 5}), "FAIL", "one-update-at-a-time"),
        (seen("ngsi-ld", healthy=LATE, listener={"held": 1}), "FAIL", "one-notification-at-a-time"),
        (
            seen("scorpio", healthy=LATE, listener=NONE_HELD, connections={"connecting_to_listeners": 2}),
            "FAIL",
            "deaf-receivers",
        ),
        (seen("antares", healthy=LATE, listener={**SOME, "abandoned": 5}), "FAIL", "breaker"),
        (
            seen("antares", 20, healthy={"same_arrived": 200}, listener={**SOME, "notifications": 1900}),
            "FAIL",
            "changes-lost",
        ),
        (
            seen(
                "coraine",
                32,
                version={"error": "no answer", "failure": Kind.NO_ANSWER},
                listener={"notifications": 3200},
            ),
            "FAIL",
            "server-threads",
        ),
    ],
)
def test_causes(hold: Hold, outcome: str, cause: str) -> None:
    verdict = judge_hold(hold)
    assert verdict.outcome == outcome, verdict.reasons
    assert cause in ("", *(named.cause for named in verdict.causes)), verdict.causes


@pytest.mark.parametrize("client", [{"update_failure": Kind.NO_ANSWER}, {"update_latency": 15_000.0}])
def test_who_waits_for_an_answer_to_the_update_does_not_wait_for_receivers(client: dict[str, Any]) -> None:
    verdict = judge_hold(seen("coraine", healthy=LATE, listener={"held": 5}, client=client))
    assert not {"one-update-at-a-time", "one-notification-at-a-time"} & {named.cause for named in verdict.causes}


def of_one(kind: str) -> Hold:
    """Return a hold of one subscription, whose receiver keeps another entity's healthy subscribers waiting."""
    hold = seen(kind, healthy=LATE, listener={"held": 1, "notifications": 1, "notified": 1})
    return replace(hold, options=hold.options.changed(subscriptions=1), progress=replace(hold.progress, created=1))


@pytest.mark.parametrize(
    ("kind", "cause"), [("scorpio", "one-update-at-a-time"), ("antares", "one-notification-at-a-time")]
)
def test_of_a_single_one_its_kind_tells_the_cause(kind: str, cause: str) -> None:
    assert cause in {named.cause for named in judge_hold(of_one(kind)).causes}


def test_a_step_that_held_nothing_is_none() -> None:
    hold = seen("antares", healthy={"same_arrived": 10, "same_slowest": 30.0}, listener=NONE_HELD)
    before = replace(hold.rows[0], listener=replace(hold.rows[0].listener, held=1))  # type: ignore[type-var]
    hold = replace(hold, rows=[before, *hold.rows[1:]])
    stepped = replace(hold, options=hold.options.changed(ramp="1:100:1"))
    criteria = {each.name: each.outcome for each in judge_hold(stepped).criteria}
    assert criteria["held"] == "INCONCLUSIVE", "what was held at rest is of the step before"


@pytest.mark.parametrize(("more", "code"), [((), 0), (("--cause", "one-update-at-a-time"), 1)])
def test_rehearsed(processes: Processes, tmp_path: Path, more: tuple[str, ...], code: int) -> None:
    small = ("--broker", "ngsi-ld", "--subscriptions", "30", "--duration", "10s", "--output", tmp_path)
    run = processes.start("sh", "setup_scripts/rehearse.sh", *small, *more)
    assert run.wait(90) == code, run.output
    assert "broker                        http://127.0.0.1" in run.output
    assert "Scorpio 5.0.3 (rehearsal)" in run.output
    assert ("cause: the broker works off one update at a time" in run.output) is bool(code)
    header = (tmp_path / "rehearsal_connections.csv").read_text("utf-8").partition("\n")[0].split(",")
    assert not {"queue_size", "cache_items", "database", "to_database"} & {*header}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cause", "sizes", "first"),
    [
        ("one-update-at-a-time", "30 10s", "one-update-at-a-time"),
        ("one-notification-at-a-time", "30 10s", "one-notification-at-a-time"),
        ("deaf-receivers", "30 10s", "deaf-receivers"),
        ("client-of-few", "30 10s", "client-of-few"),
        ("breaker", "40 35s", "one-notification-at-a-time"),  # Antares has both
        pytest.param(
            *("changes-lost", "1 60s", "changes-lost"),
            marks=pytest.mark.alone("11,000 notifications have to be sent before the end"),
        ),
        ("server-threads", "10 16s", "server-threads"),
        ("deleted-subscriptions", "30 10s", "one-update-at-a-time"),  # Scorpio has both
    ],
)
def test_each_cause_rehearsed(processes: Processes, tmp_path: Path, cause: str, sizes: str, first: str) -> None:
    subscriptions, duration = sizes.split()
    asked = ("--subscriptions", subscriptions, "--duration", duration, "--output", tmp_path)
    run = processes.start("sh", "setup_scripts/rehearse.sh", "--broker", "ngsi-ld", "--cause", cause, *asked)
    assert run.wait(120) == 1, run.output
    says = re.findall(r"  cause: (.*)", run.output)
    named = [next((known.name for known in NGSILD if known.says == each), each) for each in says]
    assert cause in named, run.output
    assert first in ("", named[0]), run.output


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_rehearsed_ramp(processes: Processes, tmp_path: Path) -> None:
    small = ("--broker", "ngsi-ld", "--ramp", "2:4:2", "--output", tmp_path, "--", "--hold", "5")
    run = processes.start("sh", "setup_scripts/rehearse.sh", *small)
    assert run.wait(150) == 1, run.output
    assert "ramp: no step was held within the SLO; from 1 on a healthy notification takes" in run.output
    taken = steps(tmp_path / "rehearsal")
    assert [step["subscriptions"] for step in taken] == ["2", "1"]
    assert {step["cause"] for step in taken} == {"one-update-at-a-time"}
