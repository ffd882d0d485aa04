"""What a website, a name that leads here, or a client of the page's port may try: each was done once, and succeeded."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pytest
import requests

from tests.support.processes import Process
from tests.support.stack import Stack, free_port
from tests.support.web import LOCUSTS, LOGIN, OURS, data, start_web

KEY = "ssh-rsa AAAAstranger"
EVIL = "http://evil.example"
STRANGE: tuple[dict[str, str], ...] = (
    {"Origin": EVIL},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "https://127.0.0.1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Host": "evil.example"},
    {"Host": "127.0.0.1.evil.example:8089"},
    {"Host": "localhost@evil.example"},
    {"Host": "evil.example", "Origin": EVIL},
    {"Host": "evil.example", "Origin": EVIL, "Sec-Fetch-Site": "same-origin"},
    {"Host": ""},
    {"Host": "["},
)
FORMS: tuple[dict[str, str], ...] = (
    {"host": "http://127.0.0.1:1"},
    {"host": ""},
    {"notify_url": "http://victim.example/"},
    {"mongo": "127.0.0.1:1"},
    {"inspector": "127.0.0.1:1"},
    {"inspector_token": "x"},
    {"process_name": "s"},
    {"restart_command": "touch /tmp/never"},
    {"force": "true"},
    {"web_origin": EVIL},
    {"user_classes": "VersionProbe"},
    {"shape_class": "Default"},
    {"headless": "true"},
    {"anything": "else"},
)


class _KeyBroker(BaseHTTPRequestHandler):
    """A hostile broker: what it answers is meant to be written to a file."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = f"\n{KEY}\n".encode()
        self.send_response(500)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def key_broker() -> Iterator[tuple[str, list[str]]]:
    """URL of the hostile broker, and what it was asked."""
    _KeyBroker.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _KeyBroker) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", _KeyBroker.asked
        server.shutdown()


@pytest.fixture
def page(stack: Stack) -> tuple[str, Process]:
    """The web UI of a stack whose parts need not run."""
    stack.broker_port = stack.inspector_port = stack.listener_port = str(free_port())
    return start_web(stack)


Page = tuple[str, Process]


def test_other_websites_and_names_are_refused(fed: Callable[..., str]) -> None:
    url = fed()
    for headers in STRANGE:
        for path in ("swarm", "stop", "stats/reset", "user"):
            answer = requests.post(f"{url}/{path}", {"subscriptions": 7}, headers=headers, timeout=5)
            assert answer.status_code == 403, (path, headers)
        for path in ("", "logs", "connections/data"):
            answer = requests.get(f"{url}/{path}", headers=headers, timeout=5)
            refused = bool(headers.keys() & {"Host", "Origin"})  # else: a link of another website, which may lead here
            assert answer.status_code == (403 if refused else 200), (path, headers)
    assert data(url)["state"] == "FAIL", "as it was"


def test_own_names(page: Page) -> None:
    url, _ = page
    for host in ("localhost", "[::1]:80", "10.1.2.3:99", socket.gethostname(), url.removeprefix("http://")):
        answer = requests.get(f"{url}/connections/data", headers={"Host": host}, timeout=5)
        assert answer.json()["state"] == "READY"
        own = {"Host": host, "Origin": f"http://{host.removesuffix(':80')}", "Sec-Fetch-Site": "same-origin"}
        answer = requests.post(f"{url}/swarm", {"subscriptions": "many"}, headers=own, timeout=5)
        assert answer.json()["message"].startswith("--subscriptions: ")


def test_behind_a_proxy(stack: Stack) -> None:
    stack.broker_port = stack.inspector_port = stack.listener_port = str(free_port())
    url, _ = start_web(stack, "--web-origin", "https://load.example.com,http://other:8080")
    for host, origin, status in (
        ("load.example.com", "https://load.example.com", 200),
        ("127.0.0.1:8089", "https://load.example.com:443", 200),
        ("other", "http://other:8080", 200),
        ("other", "http://other:8081", 403),
        ("third", "https://load.example.com", 403),
    ):
        headers = {"Host": host, "Origin": origin}
        answer = requests.post(f"{url}/swarm", {"subscriptions": "many"}, headers=headers, timeout=5)
        assert answer.status_code == status, (host, origin)


def test_no_origin_may_read(page: Page) -> None:
    url, _ = page
    for method, path in (("GET", ""), ("GET", "stats/requests"), ("GET", "nowhere"), ("OPTIONS", "swarm")):
        for headers in ({}, {"Origin": url}, {"Origin": EVIL, "Access-Control-Request-Method": "POST"}):
            answer = requests.request(method, f"{url}/{path}", headers=headers, timeout=5)
            assert not [name for name in answer.headers if name.lower().startswith("access-control-")], (method, path)
            assert answer.headers["X-Frame-Options"] == "DENY"


def test_files_are_neither_written_nor_read(
    stack: Stack, page: Page, key_broker: tuple[str, list[str]], tmp_path: Path
) -> None:
    url, locust = page
    hostile, asked = key_broker
    keys = tmp_path / "authorized_keys"
    keys.write_text("mine\n")
    for name in ("report_log", "connections_report", "csv_prefix", "logfile", "tls_key", "html_file"):
        for path in (keys, "/etc/passwd", "/proc/self/environ"):
            said = requests.post(f"{url}/swarm", {"host": hostile, name: str(path)}, timeout=20).json()
            assert not said["success"]
            said = requests.post(f"{url}/swarm", {name: str(path)}, timeout=20).json()
            assert said["message"].endswith("can be set on the command line only, not in the form")
            assert requests.get(f"{url}/connections/log", timeout=5).status_code == 404
    assert keys.read_text() == "mine\n"
    assert not asked, "the hostile broker was reached"
    for path in ("../../../etc/passwd", "%2e%2e/log", "static/../../options.py", "chart.js/../../report.html"):
        assert requests.get(f"{url}/connections/{path}", timeout=5).status_code == 404
    assert data(url)["state"] == "READY"
    assert "phase" not in locust.output


def test_log_is_what_this_process_wrote(stack: Stack) -> None:
    """Not what the file of that name says: it cannot be written, and is another's."""
    url, _ = start_web(stack.start(), "--report-log", "/proc/self/environ", "--inspector-token", "")
    said = requests.post(f"{url}/swarm", {"duration": "60s"}, timeout=20).json()
    assert not said["success"]
    assert "/proc/self/environ" in said["message"]
    log = requests.get(f"{url}/connections/log", timeout=5)
    assert (log.status_code, "PATH=" in log.text) == (404, False)


def test_form_changes_nothing_else(page: Page) -> None:
    url, _ = page
    for form in FORMS:
        said = requests.post(f"{url}/swarm", {"subscriptions": "7", **form}, timeout=5).json()
        flag = next(iter(form)).replace("_", "-")
        assert said["message"] == f"--{flag}: can be set on the command line only, not in the form"


def test_users_are_not_changed_from_outside(page: Page) -> None:
    body = {"user_class_name": "VersionProbe", "host": EVIL}
    answer = requests.post(f"{page[0]}/user", json=body, timeout=5)
    assert (answer.status_code, answer.text) == (403, "users cannot be changed from the page\n")


@pytest.mark.parametrize("more", [(), ("--web-login",)], ids=["", "login"])
def test_no_page_has_a_secret(fed: Callable[..., str], more: tuple[str, ...]) -> None:
    url = fed(*more)
    with requests.Session() as session:
        if more:
            name, password = LOGIN.values()
            session.post(f"{url}/login_submit", {"username": name, "password": password}, timeout=5)
        for path in ("", "login", *LOCUSTS, *OURS):
            text = session.get(f"{url}/{path}", timeout=5).text
            assert not [word for word in ("t0ken", "hunter2", LOGIN["LOCUST_WEB_PASSWORD"]) if word in text], path


def test_listens_on_this_host_only(stack: Stack) -> None:
    stack.broker_port = stack.inspector_port = stack.listener_port = str(free_port())
    port = free_port()
    locust = stack.locust_process(*stack.options("--web-port", port))
    locust.wait_for(f"Starting web interface at http://127.0.0.1:{port}")
    assert listening_at(locust, port) == {"127.0.0.1"}
    assert "without a login" not in locust.output


@pytest.mark.parametrize(
    ("options", "where"),
    [(("--web-host", "0.0.0.0"), "0.0.0.0"), (("--web-host", "*"), "all addresses"), (("--web-login",), "")],
    ids=str,
)
def test_open_web_ui_is_warned_of(stack: Stack, options: tuple[str, ...], where: str) -> None:
    stack.broker_port = stack.inspector_port = stack.listener_port = str(free_port())
    port = free_port()
    more = stack.options("--web-port", port, *(options if where else ("--web-host", "0.0.0.0", *options)))
    locust = stack.locust_process(*more, env=LOGIN)
    locust.wait_for("Starting web interface")
    assert listening_at(locust, port) <= {"0.0.0.0", "::"}
    warning = f"the web UI listens on {where} without a login: anyone who reaches it can start runs"
    assert (warning in locust.output) == bool(where)


def listening_at(process: Process, port: int) -> set[str]:
    """Return the addresses on which a process listens, when it does."""
    for _ in range(200):
        connections = psutil.Process(process.pid).net_connections(kind="tcp")
        found = {each.laddr.ip for each in connections if each.status == "LISTEN" and each.laddr.port == port}
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(process.output)
