"""The web UI in a browser: the form refuses; the tab "Connections" draws, marks, keeps; the next run starts clean."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from selenium.webdriver.common.by import By

from tests.support.browser import Page, texts
from tests.support.stack import Stack
from tests.support.web import EVIL, LOGIN, ROWS, data, start_web


def test_from_the_form_to_the_verdict(page: Page, stack: Stack) -> None:
    url, _ = start_web(stack.start(delay="6s"), "--duration", "40s")
    page.driver.get(url)
    page.open_form()
    page.wait(lambda: page.find("[name=host]").get_attribute("readonly"))
    page.fill("subscriptions", "many")
    assert page.refusal() == "--subscriptions: takes a whole number, not 'many'"
    page.fill("subscriptions", 1_000_000)
    page.wait(lambda: "broker's open files: " in page.refusal())
    assert "READY" in page.driver.execute_script("return (await fetch('./connections/data')).text()")
    page.fill("subscriptions", 60)
    page.press("Start")
    page.press("Connections")
    page.wait(lambda: page.state == "RUNNING")

    drawn = page.wait(lambda: page.points("established"))
    page.wait(lambda: page.points("established") >= drawn + 2 and page.points("version latency") >= drawn + 2)
    assert page.points("NOK") == 0
    page.wait(lambda: {"baseline", "trigger", "observe", "idle clients"} <= set(texts(page, ".annotation-text")))
    os.kill(stack.broker.pid, signal.SIGSTOP)
    try:
        page.wait(lambda: page.points("NOK") >= 2)
    finally:
        os.kill(stack.broker.pid, signal.SIGCONT)
    page.wait(lambda: re.search(r"version: \d+ NOK in \d+ rows so far", page.find(".reasons").text))
    page.press("Stop")
    page.wait(lambda: page.state == "INCONCLUSIVE")
    reasons = page.find(".reasons").text
    assert "interrupted in phase observe" in reasons

    page.press("Statistics")
    page.wait(lambda: not page.find("#connections").is_displayed())
    page.driver.get(f"{url}/?tab=connections")
    page.wait(lambda: page.find(".reasons").text == reasons and page.points("NOK") >= 2)
    second_run(page, drawn)


def second_run(page: Page, drawn_before: int) -> None:
    """Start again: nothing of the run before is left; then dark mode and the downloads."""
    page.press("New")
    page.open_form()
    page.fill("duration", "6s")
    page.press("Start")
    page.wait(lambda: page.state == "RUNNING" and not page.find("#connections .chart").is_displayed())
    page.wait(lambda: 0 < page.points("established") <= drawn_before + 2)
    assert page.points("NOK") == 0
    page.wait(lambda: page.state == "PASS", 30)
    assert page.points("established") == 8
    cells = texts(page, "#connections td")
    assert cells[0] == "established (connections)"
    assert int(cells[3]) >= 60

    light = page.chart_colour()
    page.driver.find_elements(By.CSS_SELECTOR, "header button")[-1].click()  # dark mode
    page.wait(lambda: page.chart_colour() != light)
    csv = page.download("Download connections CSV", "connections.csv")
    assert len(csv.splitlines()) == 1 + 8
    assert "Verdict: PASS" in page.download("Download connections log", "connections.log")
    page.download("Download connections report", "connections.html")
    page.driver.get(f"file://{page.downloads}/connections.html")
    page.wait(lambda: len(texts(page, ".annotation-text")) == 4)
    assert page.driver.execute_script("return document.querySelectorAll('.scatterlayer path.point').length") > 8 * 5


@pytest.mark.slow
@pytest.mark.alone("it has 300 ms to draw")
def test_chart_of_an_hour(page: Page, fed: Callable[..., str]) -> None:
    page.driver.get(f"{fed()}/?tab=connections")
    page.wait(lambda: page.points("NOK") == ROWS // 9)
    assert EVIL in page.find(".reasons").text, "as text"
    took = [
        page.driver.execute_async_script(
            "const done = arguments[0], began = performance.now();"
            "fetch('./connections/data?since=0').then((answer) => answer.json())"
            ".then((data) => drawConnections(document.querySelector('.chart'), data))"
            ".then(() => done(performance.now() - began));"
        )
        for _ in range(5)
    ]
    assert min(took) <= 300, took


@pytest.mark.slow
def test_logged_in(page: Page, stack: Stack) -> None:
    url, _ = start_web(stack.start(), "--duration", "8s", "--web-login", env=LOGIN)
    page.driver.get(f"{url}/?tab=connections")
    page.wait(lambda: page.find("[name=password]"))
    assert "/login" in page.driver.current_url
    for password in ("wrong", LOGIN["LOCUST_WEB_PASSWORD"]):
        page.fill("username", LOGIN["LOCUST_WEB_USERNAME"])
        page.fill("password", password)
        page.press("Login")
        if password == "wrong":
            page.wait(lambda: "Wrong user name or password" in page.find(".MuiAlert-colorError").text)
    page.open_form()
    page.press("Start")
    page.press("Connections")
    page.wait(lambda: page.state == "RUNNING" and page.points("established") > 3)
    page.wait(lambda: page.state == "PASS", 30)


def test_another_website(page: Page, stack: Stack) -> None:
    """What a page on another port makes the browser send is refused, and what it would read is not to be had."""
    stack.broker_port = stack.inspector_port = stack.listener_port = "9"
    url, locust = start_web(stack)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Evil) as evil:
        Thread(target=evil.serve_forever, daemon=True).start()
        page.driver.get(f"http://127.0.0.1:{evil.server_port}")
        for script, path in ((READ, "connections/data"), (SEND, "swarm")):
            assert page.driver.execute_async_script(script, f"{url}/{path}") == "TypeError: Failed to fetch"
        page.driver.execute_script(SUBMIT, f"{url}/swarm")
        page.wait(lambda: "does not belong to this page" in page.find("body").text)
        evil.shutdown()
    page.driver.get_log("browser")  # type: ignore[no-untyped-call]  # of what was refused
    assert data(url)["state"] == "READY"
    assert "phase" not in locust.output


READ = "const done = arguments[1]; fetch(arguments[0]).then((answer) => answer.text()).then(done, (e) => done(`${e}`));"
SEND = """
const done = arguments[1], body = new URLSearchParams({subscriptions: 7});
fetch(arguments[0], {method: "POST", mode: "no-cors", body}).then((answer) => done(answer.type), (e) => done(`${e}`));
"""
SUBMIT = """
document.body.innerHTML = "<form method=post><input name=subscriptions value=7></form>";
document.forms[0].action = arguments[0];
document.forms[0].submit();
"""


class _Evil(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><link rel=icon href='data:,'><title>Kittens</title><body>")

    def log_message(self, *_: Any) -> None:
        return
