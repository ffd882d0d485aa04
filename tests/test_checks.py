"""Every check of the preflight over constructed findings: ok, warning, error, and where one becomes the other."""

from __future__ import annotations

import resource
from collections.abc import Mapping

import pytest

from scenario.errors import PreflightError
from scenario.peers.database import Contents, Foreign
from scenario.peers.failures import Kind
from scenario.peers.inspection import Inspection, Limit
from scenario.preflight.checks import checks, require
from scenario.run.found import Found
from scenario.run.results import Check
from tests.support.surroundings import ADDRESS, COMMAND_LINE, found, listener, process

OK, WARNING, ERROR = "ok", "warning", "error"
SERVICE = "stablished_connections"
LISTENER = f"listener {ADDRESS}"
DELAY = f"{LISTENER}: delay"
Asked = Mapping[str, object]  # options that are not the default
NOTHING: Asked = {}
LAMPS = Contents(3, (Foreign("lamps", 7, ("a", "b")),))
NOBODY_LOOKED: dict[str, object] = {"contents": None, "problems": {"database": "no answer"}}
RAMP: Asked = {"ramp": "10:100:10", "hold": 10}
CYCLES: Asked = {"cycles": 3, "hold": 10}
TWICE: Asked = {"updates": 2}  # 200 notifications


def without(flag: str) -> str:
    return COMMAND_LINE.replace(f" {flag}", "")


def mode(text: str) -> Inspection:
    return process(COMMAND_LINE.replace("threadpool:60000:100", text))


def timeout(text: str) -> Inspection:
    return process(COMMAND_LINE.replace("600000", text))


def threads(limit: int, used: int = 7, at: str = "ulimit -u of process 4711") -> Inspection:
    """A broker of 7 threads, and its tightest limit on them."""
    return process(threads=7, threads_limits=(Limit(at, limit, used),))


def memory(limit: int, command_line: str = COMMAND_LINE) -> Inspection:
    """A broker of 100 MB, and two limits on its memory."""
    limits = Limit("the host's memory", 10**10, 10**10), Limit("/sys/fs/cgroup/memory.max", limit, limit)
    return process(command_line, rss=100_000_000, memory_limits=limits)


def line(seen: Found, what: str) -> Check:
    lines = [check for check in checks(seen) if check.what == what]
    assert len(lines) == 1, lines
    return lines[0]


def test_all_holds() -> None:
    table = checks(found(NOTHING, process=mode("threadpool:60000:101")))
    assert {check.what: check.state for check in table} == dict.fromkeys(
        (
            *("broker", "inspector", "connections at rest", "notification mode", "-httpTimeout", "-multiservice"),
            *(
                "-statNotifQueue",
                "-maxConnections",
                "-subCacheIval",
                "broker's open files",
                "broker's threads",
                "ephemeral ports",
                LISTENER,
                "database",
            ),
            "Locust's open files",
            "healthy subscribers",
        ),
        OK,
    )
    assert not any(check.remedy for check in table)
    require(table)


def test_what_is_only_said_when_it_is_too_little() -> None:
    for enough in (memory(103_400_000), memory(109_400_000, "-a"), process(cpus=1.0)):
        assert not {"broker's memory", "broker's CPUs"} & {check.what for check in checks(found({}, process=enough))}


Line = tuple[str, Asked, dict[str, object], str, str]  # which check, the options, what was found, its state, its words
NOTIFICATION_MODE: list[Line] = [
    ("notification mode", NOTHING, {"process": mode("threadpool:60000:100")}, OK, "threadpool:60000:100"),
    ("notification mode", NOTHING, {"process": mode("threadpool:60000:101")}, OK, ""),
    ("notification mode", NOTHING, {"process": mode("threadpool:0:100")}, OK, ""),
    ("notification mode", NOTHING, {"process": mode("threadpool:60000:100:15")}, OK, ""),
    ("notification mode", NOTHING, {"process": mode("threadpool:60000:99")}, ERROR, "Mode threadpool:60000:150"),
    ("notification mode", TWICE, {"process": mode("threadpool:60000:199")}, ERROR, "Mode threadpool:60000:250"),
    ("notification mode", RAMP, {"process": mode("threadpool:60000:99")}, WARNING, ""),
    ("notification mode", CYCLES, {"process": mode("threadpool:60000:99")}, ERROR, ""),
    ("notification mode", NOTHING, {"process": mode("persistent")}, ERROR, "persistent: one connection for all"),
    ("notification mode", NOTHING, {"process": mode("transient")}, WARNING, "transient"),
    ("notification mode", NOTHING, {"process": mode("threadpool")}, ERROR, "threadpool"),
    ("notification mode", NOTHING, {"process": mode("threadpool:many:100")}, WARNING, "threadpool:many:100"),
    ("notification mode", NOTHING, {"process": process("contextBroker")}, WARNING, "the command line: transient"),
    ("notification mode", NOTHING, {"process": process("x -notificationMode")}, WARNING, "not on the command line"),
    ("notification mode", NOTHING, {"process": mode("transient -notificationMode persistent")}, ERROR, "persistent"),
    ("notification mode", NOTHING, {"process": mode(f"threadpool:1:1,{SERVICE}:60000:100")}, OK, ":60000:100"),
    ("notification mode", NOTHING, {"process": mode(f"threadpool:1:100,{SERVICE}:9:99")}, ERROR, "its own pool"),
    ("notification mode", NOTHING, {"process": mode("threadpool:0:100,another:1:1")}, OK, ""),
]  # fmt: skip
HTTP_TIMEOUT: list[Line] = [
    ("-httpTimeout", NOTHING, {"process": timeout("300001")}, OK, "300001 ms"),
    ("-httpTimeout", NOTHING, {"process": timeout("300000")}, ERROR, "above the listener's delay, 300 s"),
    ("-httpTimeout", NOTHING, {"process": timeout("300000")}, ERROR, "start the broker with -httpTimeout 600000"),
    ("-httpTimeout", NOTHING, {"process": process(without("-httpTimeout 600000"))}, ERROR, "5000 ms, its default"),
    (
        *("-httpTimeout", NOTHING),
        {"process": process(without("-httpTimeout 600000")), "listeners": {ADDRESS: listener(4)}},
        *(OK, "5000 ms, its default"),
    ),
    ("-httpTimeout", NOTHING, {"process": timeout("soon")}, ERROR, "5000 ms"),
    ("-httpTimeout", NOTHING, {"listeners": {ADDRESS: listener(600)}}, ERROR, "-httpTimeout 1200000"),
    ("-httpTimeout", NOTHING, {"listeners": {ADDRESS: listener(), "b:1": listener(601)}}, ERROR, "delay, 601 s"),
    ("-httpTimeout", RAMP, {"process": timeout("25001")}, OK, "above 25 s: --hold and a margin"),
    ("-httpTimeout", CYCLES, {"process": timeout("25000")}, ERROR, "above 25 s"),
]  # fmt: skip
FLAGS: list[Line] = [
    ("-multiservice", NOTHING, {}, OK, "given"),
    ("-multiservice", NOTHING, {"process": process(without("-multiservice"))}, ERROR, "not on the command line"),
    (
        "-statNotifQueue",
        NOTHING,
        {"process": process(without("-statNotifQueue"))},
        WARNING,
        "columns of the queue stay empty",
    ),
]
CLIENTS_AND_CYCLES: list[Line] = [
    ("-subCacheIval", NOTHING, {"process": process(f"{COMMAND_LINE} -subCacheIval 5")}, WARNING, "5 s; 0: a refresh"),
    ("-subCacheIval", NOTHING, {"process": process("contextBroker")}, WARNING, "60 s, its default; 0: a refresh"),
    ("-maxConnections", NOTHING, {}, OK, "1020"),
    ("-maxConnections", NOTHING, {"process": process(f"{COMMAND_LINE} -maxConnections 30")}, OK, ""),
    ("-maxConnections", NOTHING, {"process": process(f"{COMMAND_LINE} -maxConnections 29")}, WARNING, "30 or more"),
    ("-maxConnections", {"idle_connections": 1001}, {}, WARNING, "1021: --idle-connections and the test's own"),
    ("cycles", {"cycles": 3}, {}, OK, "3"),
    ("cycles", {"cycles": 2}, {}, ERROR, "use --cycles 3, or fewer workers"),
    ("cycles", {"cycles": 4}, {"process": mode("threadpool:60000:201")}, ERROR, "--cycles 5"),
    ("cycles", {"cycles": 4}, {"process": mode("threadpool:60000:200")}, OK, ""),
    ("cycles", {"cycles": 3, **TWICE}, {"process": mode("threadpool:60000:200")}, OK, ""),
]
UNIT, CONTAINER = "/sys/fs/cgroup/a.slice/orion.service/pids.max", "/sys/fs/cgroup/docker/4711/pids.max"
HEALTHY: list[Line] = [
    ("healthy subscribers", NOTHING, {"process": mode("threadpool:60000:101")}, OK, "101 workers for 100 slow"),
    ("healthy subscribers", TWICE, {"process": mode("threadpool:60000:101")}, WARNING, "101 workers for 200 slow"),
    ("healthy subscribers", NOTHING, {}, WARNING, "threadpool:60000:150"),
    ("healthy subscribers", NOTHING, {"process": None, "problems": {"process": "x", "healthy": "no"}}, WARNING, "no"),
    ("client", NOTHING, {"client": 12.0}, OK, "an entity is stored, found and removed in 12 ms"),
    (
        "client",
        NOTHING,
        {"problems": {"client": "HTTP 500"}, "kinds": {"client": Kind.NEVER_CONNECTED}},
        ERROR,
        "then restart the broker",
    ),
    ("client", NOTHING, {"problems": {"client": "update: HTTP 500"}}, ERROR, "skip it with --no-client"),
]
LIMITS: list[Line] = [
    ("broker's open files", NOTHING, {"process": process(nofile=660)}, OK, "660: 100 notifications and 50 healthy"),
    ("broker's open files", NOTHING, {"process": process(nofile=659)}, ERROR, "after ulimit -n 660"),
    ("broker's open files", RAMP, {"process": process(nofile=659)}, WARNING, "after ulimit -n 660"),
    ("broker's open files", NOTHING, {"process": process(nofile=None)}, OK, "unlimited"),
    ("broker's threads", NOTHING, {"process": threads(300, used=7)}, OK, "a thread per notification + 200"),
    ("broker's threads", NOTHING, {"process": threads(300, used=8)}, WARNING, "after ulimit -u 300"),
    ("broker's threads", NOTHING, {"process": threads(200, at="sysctl kernel.pid_max")}, WARNING, "kernel.pid_max=300"),
    (
        "broker's threads",
        NOTHING,
        {"process": threads(200, at=UNIT)},
        WARNING,
        "orion.service TasksMax=300",
    ),
    ("broker's threads", NOTHING, {"process": threads(200, at=CONTAINER)}, WARNING, "is --pids-limit 300"),
    (
        "broker's memory",
        NOTHING,
        {"process": memory(103_399_999)},
        WARNING,
        "103 MB: 100 MB, and 34 kB per notification",
    ),
    ("broker's memory", NOTHING, {"process": memory(109_399_999, "-a")}, WARNING, "--memory of a container"),
    ("broker's CPUs", NOTHING, {"process": process(cpus=0.5)}, WARNING, "0.5"),
    ("broker's port", NOTHING, {"process": process(also_listening=(4712, 0))}, ERROR, "4712, a hidden one listens"),
    ("broker", NOTHING, {"uptimes": (7, 8, 10)}, OK, "Orion 4.7.0"),
    ("several inspectors", NOTHING, {"inspectors": ("a process 7", "b process 7")}, ERROR, "a process 7, b process 7"),
    (
        f"several listeners at {ADDRESS}",
        NOTHING,
        {"listener_ids": {ADDRESS: ("a", "b")}},
        ERROR,
        "2 listeners answer in turn",
    ),
    ("several brokers", NOTHING, {"uptimes": (700, 8, 700)}, ERROR, "one has run for 8 s, another for 700 s"),
    ("Locust's open files", NOTHING, {}, OK, ""),
    ("Locust's open files", {"idle_connections": 10**9}, {}, ERROR, "ulimit -n 1000000208, then start Locust"),
]
TWO_URLS = ("http://localhost:8090/a", "http://localhost:8091/b")
SAME_LISTENER = ("http://localhost:8090/a", "http://localhost:8090/b")
PORTS: list[Line] = [
    ("ephemeral ports", NOTHING, {"process": process(ephemeral_ports=(1000, 1099))}, OK, "100 (1000 to 1099)"),
    ("ephemeral ports", NOTHING, {"process": process(ephemeral_ports=(1000, 1098))}, ERROR, f"100 to {ADDRESS}"),
    ("ephemeral ports", NOTHING, {"process": process(ephemeral_ports=(1000, 1098))}, ERROR, "add its --notify-url"),
    ("ephemeral ports", RAMP, {"process": process(ephemeral_ports=(1000, 1098))}, WARNING, "ip_local_port_range"),
    ("ephemeral ports", {"notify_urls": TWO_URLS}, {"process": process(ephemeral_ports=(1000, 1049))}, OK, ""),
    ("ephemeral ports", {"notify_urls": TWO_URLS}, {"process": process(ephemeral_ports=(1000, 1048))}, ERROR, "50 to"),
    ("ephemeral ports", {"notify_urls": SAME_LISTENER}, {"process": process(ephemeral_ports=(1, 99))}, ERROR, "100 to"),
    ("ephemeral ports", TWICE, {"process": process(ephemeral_ports=(1000, 1198))}, ERROR, f"200 to {ADDRESS}"),
    ("ephemeral ports", {**TWICE, "kind": "scorpio"}, {"process": process(ephemeral_ports=(1, 99))}, ERROR, "100 to"),
    ("ephemeral ports", {"subscriptions": 28_233}, {"process": None}, WARNING, "unknown; Linux's default is 28232"),
    (
        "ephemeral ports",
        {"subscriptions": 28_233},
        {"process": process(ephemeral_ports=None)},
        WARNING,
        "unknown; Linux",
    ),
]
LISTENERS: list[Line] = [
    (LISTENER, NOTHING, {"listeners": {ADDRESS: listener(nofile=300)}}, OK, "timeout 60 s, 300 open files"),
    (LISTENER, NOTHING, {"listeners": {ADDRESS: listener(nofile=299)}}, ERROR, "start it after ulimit -n 300"),
    (LISTENER, TWICE, {"listeners": {ADDRESS: listener(nofile=399)}}, ERROR, "start it after ulimit -n 400"),
    (
        *(LISTENER, NOTHING, {"listeners": {ADDRESS: None}, "problems": {ADDRESS: "connection refused"}}),
        *(ERROR, "start it: python -m listener -delay 5m"),
    ),
    (LISTENER, NOTHING, {"listeners": {ADDRESS: None}}, WARNING, "it does not answer GET /-/stats"),
    (LISTENER, RAMP, {"listeners": {ADDRESS: None}}, ERROR, "it answers early when told to"),
    (DELAY, NOTHING, {"listeners": {ADDRESS: listener(delay=1.9)}}, WARNING, "2 s or more, to hold all at one time"),
    (DELAY, RAMP, {"listeners": {ADDRESS: listener(delay=24)}}, ERROR, "start it with -delay 24h"),
    (DELAY, CYCLES, {"listeners": {ADDRESS: listener(delay=24.9)}}, ERROR, "25 s or more, so that it holds"),
]  # fmt: skip
PARTS: list[Line] = [
    ("broker", NOTHING, {}, OK, "http://localhost:1026, Orion 4.7.0"),
    ("broker", NOTHING, {"version": '{"scorpio": "2"}'}, OK, '{"scorpio": "2"}'),
    ("broker", NOTHING, {"version": None, "problems": {"broker": "refused"}}, ERROR, "set the broker with --host"),
    ("inspector", NOTHING, {}, OK, "process 4711 (contextBroker)"),
    (
        "inspector",
        NOTHING,
        {"process": None, "problems": {"process": "no"}},
        ERROR,
        "skip it with --no-connection-info",
    ),
    (
        "connections at rest",
        NOTHING,
        {"process": process(to_listeners={"CLOSE_WAIT": 9})},
        OK,
        "0 to the listeners",
    ),
    ("connections at rest", NOTHING, {"process": process(to_listeners={"ESTABLISHED": 1})}, WARNING, "1 to the"),
    ("database", NOTHING, {}, OK, "localhost; orion-stablished_connections will be dropped (empty)"),
    ("database", NOTHING, {"contents": Contents(9)}, OK, "will be dropped (9 documents of this test)"),
    ("database", NOTHING, {"process": process(f"{COMMAND_LINE} -db test")}, OK, f"test-{SERVICE} will be dropped"),
    (
        "database",
        {"drop_foreign": f"orion-{SERVICE}"},
        {"contents": LAMPS},
        OK,
        "documents of this test; 7 in lamps (a, b, ...))",
    ),
    ("database contents", NOTHING, {"contents": LAMPS}, ERROR, "localhost holds 7 in lamps (a, b, ...)"),
    ("database contents", NOTHING, {"contents": LAMPS}, ERROR, f"--drop-foreign orion-{SERVICE} drops it"),
    ("database contents", {"drop_foreign": SERVICE}, {"contents": LAMPS}, ERROR, "but the database of the service is"),
    ("database contents", {"drop_foreign": SERVICE}, {}, ERROR, "but the database of the service is"),
    ("database", NOTHING, NOBODY_LOOKED, ERROR, "or use --no-reset"),
    ("broker's database", NOTHING, {"process": process(f"{COMMAND_LINE} -dbhost a:1")}, WARNING, "-dbhost a:1"),
    ("user classes", NOTHING, {"absent_users": ("VersionProbe",)}, ERROR, "start locust without class names"),
]
UNRESOLVED = process(unresolved={ADDRESS: "Name or service not known"}, lookup_seconds=1.0)
SECOND_ALONE = {"10.0.0.1": "no connection within 1 s", "10.0.0.2": ""}
NAMES: list[Line] = [
    ("broker's name", NOTHING, {"addresses": SECOND_ALONE}, ERROR, "first address 10.0.0.1 does not answer (no connec"),
    ("broker's name", NOTHING, {"addresses": SECOND_ALONE}, ERROR, "10.0.0.2 does; "),
    (
        f"name of the {LISTENER}",
        NOTHING,
        {"process": UNRESOLVED},
        ERROR,
        "not known on the broker's host; an address",
    ),
    ("names of the listeners", NOTHING, {"process": process(lookup_seconds=1.1)}, WARNING, "1.1 s for a look-up"),
]
TABLE = [*NOTIFICATION_MODE, *HTTP_TIMEOUT, *FLAGS, *CLIENTS_AND_CYCLES, *HEALTHY, *LIMITS, *PORTS, *LISTENERS, *PARTS]
TABLE += NAMES


@pytest.mark.parametrize(("what", "asked", "seen", "state", "words"), TABLE)
def test_check(what: str, asked: Asked, seen: dict[str, object], state: str, words: str) -> None:
    check = line(found(asked, **{"problems": {"process": "nobody asked"}, **seen}), what)
    assert check.state == state
    assert bool(check.remedy) == (state != OK), "what is not ok says what to do"
    assert words in f"{check.found}; {check.needed}; {check.remedy}"


@pytest.mark.parametrize(
    ("what", "asked", "seen"),
    [
        ("user classes", {}, {}),
        ("cycles", {}, {}),
        ("client", {}, {}),
        ("healthy subscribers", {"healthy": 0}, {}),
        ("healthy subscribers", {}, {"process": mode("transient")}),
        ("-statNotifQueue", {"queue_size": False}, {}),
        ("inspector", {"connection_info": False}, {"process": None}),
        *((what, {"reset": False}, NOBODY_LOOKED) for what in ("database", "database contents", "broker's database")),
        ("names of the listeners", {}, {"process": UNRESOLVED}),
        ("broker's name", {}, {"addresses": {"::1": "connection refused", "127.0.0.1": ""}}),
        ("broker's name", {}, {"addresses": dict.fromkeys(SECOND_ALONE, "no connection within 1 s")}),
        ("broker's database", {}, {}),
        ("broker's database", {}, {"process": process(f"{COMMAND_LINE} -dbURI mongodb://u:p@127.0.0.1/x")}),
        ("broker's database", {}, {"process": process(f"{COMMAND_LINE} -dbURI mongodb+srv://a.b/")}),
        ("ephemeral ports", {"subscriptions": 28_232, "connection_info": False}, {"process": None}),
        ("-httpTimeout", {}, {"listeners": {ADDRESS: None}}),
        (DELAY, {}, {"listeners": {ADDRESS: listener(delay=2)}}),
        (DELAY, RAMP, {"listeners": {ADDRESS: listener(delay=25)}}),
        *(
            (what, {"connection_info": False}, {"process": None})
            for what in ("notification mode", "broker's processes")
        ),
    ],
)
def test_nothing_to_say(what: str, asked: Asked, seen: dict[str, object]) -> None:
    assert what not in [check.what for check in checks(found(asked, **seen))]


def test_locusts_own_limit() -> None:
    for soft, state in ((218, OK), (217, ERROR), (resource.RLIM_INFINITY, OK)):
        assert line(found(NOTHING, open_files=soft), "Locust's open files").state == state
    assert "Locust's open files" not in [check.what for check in checks(found(NOTHING, open_files=None))]


def test_errors_keep_the_run_from_starting() -> None:
    table = checks(found(NOTHING, version=None, contents=None, problems={"broker": "refused", "database": "no answer"}))
    with pytest.raises(PreflightError) as refused:
        require(table)
    broker, database = str(refused.value).splitlines()
    assert broker.startswith("broker: refused; check that curl http://localhost:1026/version answers")
    assert database.startswith("database: no answer; set the broker's database")
    require(checks(found(NOTHING, process=process(without("-statNotifQueue")))))  # a warning does not


@pytest.mark.parametrize(
    ("kind", "path"),
    [("orion", "/version"), ("antares", "/q/health"), ("ngsi-ld", "/ngsi-ld/v1/subscriptions")],
)
def test_a_broker_that_does_not_answer_is_tried_where_it_was_asked(kind: str, path: str) -> None:
    broker = line(found({"kind": kind}, version=None, problems={"broker": "refused"}), "broker")
    assert broker.needed == f"GET {path} answers"
    assert f"curl http://localhost:1026{path} answers" in broker.remedy


def test_force_does_not_override_what_is_in_the_database() -> None:
    require(checks(found(NOTHING, version=None, problems={"broker": "refused"})), force=True)
    with pytest.raises(PreflightError, match=r"^database contents: .* holds 7 in lamps"):
        require(checks(found(NOTHING, version=None, problems={"broker": "refused"}, contents=LAMPS)), force=True)
