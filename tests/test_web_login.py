"""--web-login: refused, logged in; whichever route it is, Locust's or ours."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import requests

from tests.support.stack import Stack, free_port
from tests.support.web import LOCUSTS, LOGIN, OURS

NAME, PASSWORD = LOGIN.values()


def logged_in(url: str, name: str = NAME, password: str = PASSWORD) -> requests.Session:
    """Return a session after the login page's form was sent."""
    session = requests.Session()
    session.post(f"{url}/login_submit", {"username": name, "password": password}, timeout=10).raise_for_status()
    return session


@pytest.mark.parametrize("base", [pytest.param("", marks=pytest.mark.slow), "/lt"])
def test_every_route_asks(fed: Callable[..., str], base: str) -> None:
    url = fed("--web-login", *(["--web-base-path", base] if base else [])) + base
    for path in (*LOCUSTS, *OURS):
        answer = requests.get(f"{url}/{path}", allow_redirects=False, timeout=5)
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, f"{base}/login"), path
    for path in ("swarm", "stop", "stats/reset", "user"):
        answer = requests.post(f"{url}/{path}", {"subscriptions": "many"}, allow_redirects=False, timeout=5)
        assert answer.status_code == 302, path
    assert f'"username_password_callback": "{base}/login_submit"' in requests.get(f"{url}/login", timeout=5).text
    session = logged_in(url)
    for path in (*LOCUSTS, *OURS):
        answer = session.get(f"{url}/{path}", allow_redirects=False, timeout=5)
        assert answer.status_code == (404 if "full_history" in path else 200), path


def test_wrong_ones_are_refused(fed: Callable[..., str]) -> None:
    url = fed("--web-login")
    for name, password in ((NAME, ""), (NAME, "wrong"), ("", PASSWORD), ("", ""), ("mé", "\x00"), (PASSWORD, NAME)):
        began = time.monotonic()
        session = logged_in(url, name, password)
        assert time.monotonic() - began >= 1, "guessing is slow"
        assert "Wrong user name or password" in session.get(f"{url}/login", timeout=5).text
        assert session.get(f"{url}/", allow_redirects=False, timeout=5).status_code == 302


def test_session(fed: Callable[..., str]) -> None:
    url = fed("--web-login")
    answer = requests.post(
        f"{url}/login_submit?next=http://evil.example",
        {"username": NAME, "password": PASSWORD, "next": "http://evil.example"},
        allow_redirects=False,
        timeout=5,
    )
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    name, _, rest = answer.headers["Set-Cookie"].partition("=")
    assert name.startswith("connections_")
    assert re.search(r"; HttpOnly; Path=/; SameSite=Strict$", rest)
    cookie = {"Cookie": f"{name}={rest.partition(';')[0]}"}
    assert requests.get(url, headers=cookie, allow_redirects=False, timeout=5).status_code == 200
    forged = {"Cookie": f"{name}=eyJfdXNlcl9pZCI6Im1lIn0.aaaa.bbbb"}
    assert requests.get(url, headers=forged, allow_redirects=False, timeout=5).status_code == 302
    evil = {"Origin": "http://evil.example"}
    assert requests.post(f"{url}/swarm", headers=cookie | evil, timeout=5).status_code == 403
    assert requests.post(f"{url}/login_submit", headers=evil, timeout=5).status_code == 403


def test_guesses_at_one_time_wait_for_each_other(fed: Callable[..., str]) -> None:
    url, began = fed("--web-login"), time.monotonic()

    def guess(number: int) -> int:
        form = {"username": NAME, "password": PASSWORD if number == 20 else str(number)}
        return requests.post(f"{url}/login_submit", form, allow_redirects=False, timeout=60).status_code

    with ThreadPoolExecutor(40) as guesses:
        answers = Counter(guesses.map(guess, range(40)))
    assert answers[302] <= 4 + (time.monotonic() - began), "each of those that were looked at took a second"
    assert answers[302] + answers[429] == 40
    logged_in(url)


def test_a_password_that_is_no_text_is_said(stack: Stack) -> None:
    stack.broker_port = stack.inspector_port = stack.listener_port = str(free_port())
    env = {"LOCUST_WEB_USERNAME": "me", "LOCUST_WEB_PASSWORD": os.fsdecode(b"pass\xff\xfe")}
    locust = stack.locust_process(*stack.options("--web-port", free_port(), "--web-login"), env=env)
    assert locust.wait(30) == 2, locust.output
    assert "needs user and password in UTF-8; LOCUST_WEB_PASSWORD is not" in locust.output
    assert "Traceback" not in locust.output


@pytest.mark.parametrize(
    "mode",
    [(), pytest.param(("--processes", 2), marks=pytest.mark.slow)],
    ids=lambda mode: mode[0] if mode else "local",
)
def test_what_is_missing_is_said(stack: Stack, mode: tuple[str | int, ...]) -> None:
    stack.broker_port = stack.inspector_port = stack.listener_port = str(free_port())
    for env, missing in (
        ({}, "LOCUST_WEB_USERNAME and LOCUST_WEB_PASSWORD"),
        ({"LOCUST_WEB_USERNAME": "me"}, "LOCUST_WEB_PASSWORD"),
        ({"LOCUST_WEB_USERNAME": "me", "LOCUST_WEB_PASSWORD": ""}, "LOCUST_WEB_PASSWORD"),
    ):
        locust = stack.locust_process(*stack.options("--web-port", free_port(), "--web-login", *mode), env=env)
        assert locust.wait(30) == 2, locust.output
        sentence = f"needs user and password in the environment; {missing} not set\n"
        assert f"error: argument --web-login: {sentence}" in locust.output
        assert "Traceback" not in locust.output
        _, alive = psutil.wait_procs(stack.processes_of_runs(), timeout=5)
        assert not alive, "left behind"
