"""What a run sends as a secret comes back in every place of an answer, and is in no output of the run."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from threading import Thread

import pytest

from scenario.outputs.page import PLOTLY_JS
from tests.support.stack import Stack, free_port

# Each begins with letters that nothing else has: a part of one is found, too, however it is written
TOKEN = "Q9zq'x\"Z<&>%\\+7"
PASSWORD = "W8yw' \"p"
INSPECTOR = "K7xk'\"longenough"
RIGHT = 12  # answers: as many as the preflight asks for
BEGINNINGS = ("Q9zq", "W8yw", "K7xk")


def answer(status: str = "200 OK", headers: str = "", body: str = "") -> str:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body.encode())}\r\n{headers}\r\n{body}"


ECHOES: tuple[Callable[[str], str], ...] = (
    lambda sent: f"HTTP/1.1 {sent}\r\n\r\n",
    lambda sent: f"{sent}\r\n\r\n",
    lambda sent: answer(f"500 {sent}"),
    lambda sent: answer(
        headers=f"{sent}\r\nA: b\r\n {sent}\r\n: {sent}\r\n", body=json.dumps({"orion": {"version": sent}})
    ),
    lambda sent: f"HTTP/1.1 200 OK\r\nContent-Length: {sent}\r\n\r\n{sent}",
    lambda sent: f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{sent}\r\n{sent}\r\n",
    lambda sent: f"HTTP/1.1 200 OK\r\nContent-Encoding: {sent}\r\nContent-Length: 1\r\n\r\nx",
    lambda sent: answer("500 x", f"Content-Type: text/html; charset={sent}\r\nServer: {sent}\r\nVia: {sent}\r\n", sent),
    lambda sent: answer("302 x", f"Location: http://{sent}/{sent}\r\nSet-Cookie: {sent}\r\n"),
    lambda sent: answer("400 x", body=json.dumps({"error": sent, "description": "x" * 170 + sent})),
    lambda sent: answer("500 x", f"Server: {'y' * 30}{sent}\r\n", "x" * 190 + sent),
    lambda sent: answer("500 x", body="".join(f"&#{ord(letter)};" for letter in sent)),
    lambda sent: answer("500 x", body=f"<p>{sent}</p>\r\n\t{sent}\x1b[2J{sent}" * 50),
    lambda sent: answer(headers="Location: /v2/subscriptions/1\r\n", body=json.dumps([{sent: sent, "number": sent}])),
    lambda sent: answer(body=f'{{"notifQueue": {{"in": "{sent}", "{sent}": 1}}'),
)


@pytest.fixture
def echo() -> Iterator[str]:
    """URL of a broker that answers rightly at first, and with what it was sent then."""
    numbers, created = count(), [0]

    def serve(client: socket.socket) -> None:
        with client:
            client.settimeout(5)
            asked = client.recv(65536).decode(errors="replace")
            sent = asked.partition("X-Auth-Token: ")[2].partition("\r\n")[0] or asked.partition("\r\n")[0]
            subscriptions = "/v2/subscriptions" in asked[:40]
            made = subscriptions and asked.startswith("POST")
            created[0] += made
            version = {"orion": {"version": "x" * 70 + sent, "libversions": {"boost": "x" * 70 + sent, sent: sent}}}
            right = answer(
                "201 Created" if made else "200 OK",
                f"Location: /v2/subscriptions/1a\r\nFiware-Total-Count: {created[0]}\r\n",
                "[]" if subscriptions else json.dumps(version),
            )
            number = next(numbers)
            echoed = number > RIGHT and not subscriptions and ECHOES[number % len(ECHOES)](sent)
            client.sendall((echoed or right).encode())

    def accept() -> None:
        while True:
            try:
                client = server.accept()[0]
            except OSError:
                return
            Thread(target=serve, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "way", [(), pytest.param(("--processes", 2), marks=pytest.mark.slow)], ids=["one", "processes"]
)
def test_no_secret_comes_back(stack: Stack, echo: str, tmp_path: Path, way: tuple[str | int, ...]) -> None:
    stack.broker_port = stack.inspector_port = stack.listener_port = str(free_port())
    files = {name: tmp_path / name for name in ("--connections-report", "--junit", "--json", "--html", "--logfile")}
    off = ("--no-reset", "--force", "--idle-connections", 0, "--rate", 6, "--subscriptions", 2, "--duration", "6s")
    secrets = {"LOCUST_HEADER": f"X-Auth-Token: Bearer {TOKEN}", "LOCUST_INSPECTOR_TOKEN": INSPECTOR}
    secrets["LOCUST_MONGO"] = f"mongodb://me:{PASSWORD}@127.0.0.1:1/?serverSelectionTimeoutMS=100"
    secrets["GITHUB_STEP_SUMMARY"] = str(tmp_path / "summary")
    options = [*stack.options("--host", echo, *off), *(word for option in files.items() for word in option)]
    at = options.index("--mongo")
    del options[at : at + 2]
    run = stack.locust_process("--headless", "--loglevel", "DEBUG", *way, *options, env=secrets)
    assert run.wait(90) in (1, 4), run.output
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    texts = {path.name: path.read_bytes().decode(errors="replace") for path in written} | {"console": run.output}
    assert len(texts) > 10
    assert texts["run_failures.csv"].count("***") > 5
    assert "Failed to parse headers" in texts["--logfile"]
    for name, text in texts.items():
        for beginning in BEGINNINGS:
            at = text.replace(PLOTLY_JS.read_text(encoding="utf-8"), "").find(beginning)
            assert at < 0, f"{name}: {text[max(0, at - 200) : at + 50]}"
