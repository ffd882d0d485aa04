"""A broker behind TLS and a PEP proxy: every request of a run shows its papers, and no token is told to anybody."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from scenario.flow.cleanup import command
from tests.support.holds import options as held_options
from tests.support.proxy import Proxy, Rules, proxy
from tests.support.stack import Stack, verdict

TOKEN, RENEWED = "t0ken-of-the-first-hour", "t0ken-of-the-second-hour"
KINDS = (
    *("GET /version", "GET /statistics", "GET /cache/statistics", "POST /v2/subscriptions", "POST /v2/op/update"),
    *("GET /v2/subscriptions?", "GET /v2/entities", "DELETE /v2/subscriptions/", "DELETE /v2/entities/"),
)


@dataclass(frozen=True)
class Papers:
    """A CA, the server's side of TLS, and a client's certificate."""

    ca_file: Path
    server: ssl.SSLContext
    cert: Path
    key: Path


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """Made on the spot; the server asks for a client's certificate, and does without."""
    folder = tmp_path_factory.mktemp("papers")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    client = ca.issue_cert("client@localhost")
    client.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    client.private_key_pem.write_to_path(folder / "key.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    return Papers(folder / "ca.pem", context, folder / "cert.pem", folder / "key.pem")


def rules(stack: Stack, papers: Papers | None, *tokens: str) -> Rules:
    return Rules(f"http://127.0.0.1:{stack.broker_port}", papers.server if papers else None, set(tokens))


def options(server: Proxy, *more: str | Path) -> tuple[str | Path, ...]:
    return ("--host", server.url, "--no-connection-info", *more)


def test_every_request_shows_its_papers(stack: Stack, papers: Papers) -> None:
    file, page = stack.folder / "headers", stack.folder / "page.html"
    file.write_text(f"X-Auth-Token: {TOKEN}\n", encoding="ascii")
    shown = ("--ca-file", papers.ca_file, "--cert", papers.cert, "--key", papers.key, "--header-file", file)
    reports = ("--connections-report", page, "--html", stack.folder / "locust.html", "--loglevel", "DEBUG")
    stack.start()
    with proxy(rules(stack, papers, TOKEN)) as server:
        run = stack.locust(*options(server, *shown), "--processes", 2, *reports)
        stack.wait_for_row(run, 3)
        file.write_text(f"# of the second hour\nX-Auth-Token: {RENEWED}\n", encoding="ascii")
        server.rules.tokens.add(RENEWED)
        time.sleep(1)
        server.rules.tokens.remove(TOKEN)
        stack.ended(run, 0, 60)
    outcome, reasons = verdict(run)
    assert outcome == "PASS"
    assert "whatever checks them, such as a PEP proxy, is measured with the broker" in reasons
    assert "idle clients: 10 of 10 accepted, 10 answered" in reasons
    assert all(server.tokens_of(kind) for kind in KINDS)
    assert {asked.token for asked in server.asked} == {TOKEN, RENEWED}
    assert all(asked.certified for asked in server.asked)
    assert_no_token(stack, run.output)
    assert "is measured with the broker" in page.read_text(encoding="utf-8")


def assert_no_token(stack: Stack, output: str) -> None:
    """Fail when a token is in the output, or in a file of the run."""
    files = [path for path in stack.folder.iterdir() if path.is_file() and path.name != "headers"]
    texts = {path.name: path.read_text(encoding="utf-8", errors="replace") for path in files} | {"output": output}
    assert not [name for name, text in texts.items() if "t0ken" in text]


@pytest.mark.slow
def test_a_header_on_the_command_line_is_told_nobody(stack: Stack) -> None:
    stack.start()
    with proxy(rules(stack, None, TOKEN)) as server:
        given = ("--header", "X-Other: a, b", "--header", f"X-Auth-Token: {TOKEN}")
        run = stack.locust(*options(server, *given), "--loglevel", "DEBUG")
        stack.wait_for_row(run, 3)
        server.rules.tokens = {RENEWED}  # from now on it is refused, and repeated in the answer
        assert run.wait(60) == 1
    assert "HTTP 401 the token *** is none of ours" in verdict(run)[1]
    assert_no_token(stack, run.output)


@pytest.mark.parametrize(
    ("given", "code", "line"),
    [
        ((), 3, "error +broker .*its certificate is not trusted: .*--ca-file"),
        pytest.param(("--insecure",), 0, "warning +TLS +NOT VERIFIED", marks=pytest.mark.slow),
        (("--ca-file", "CA"), 0, "ok +broker "),
    ],
)
def test_preflight(stack: Stack, papers: Papers, given: tuple[str, ...], code: int, line: str) -> None:
    stack.start()
    words = [papers.ca_file if word == "CA" else word for word in given]
    with proxy(rules(stack, papers)) as server:
        run = stack.locust("--preflight-only", *options(server, *words))
        assert run.wait() == code, run.output
    run.wait_for(line)


def test_no_certificate_to_show(stack: Stack, papers: Papers) -> None:
    stack.start()
    papers.server.verify_mode = ssl.CERT_REQUIRED
    try:
        with proxy(rules(stack, papers)) as server:
            run = stack.locust("--preflight-only", *options(server, "--ca-file", papers.ca_file))
            assert run.wait() == 3
    finally:
        papers.server.verify_mode = ssl.CERT_OPTIONAL
    run.wait_for(r"error +broker .*\(--cert\)")


def test_cleanup(stack: Stack, papers: Papers) -> None:
    stack.start()
    stack.subscribe(3)
    with proxy(rules(stack, papers, TOKEN)) as server:
        asked = ("python", "-m", "scenario.cleanup", "--host", server.url, "--service", stack.service)
        shown = ("--ca-file", papers.ca_file, "--cert", papers.cert, "--key", papers.key)
        refused = stack.processes.start(*asked, "--insecure", "--header", f"X-Auth-Token: {RENEWED}", name="refused")
        assert refused.wait() == 1
        done = stack.processes.start(*asked, *shown, "--header", f"X-Auth-Token: {TOKEN}", name="cleanup")
        assert done.wait() == 0, done.output
    assert "3 subscriptions removed" in done.output
    assert "HTTP 401 the token *** is none of ours" in refused.output


def test_command_of_the_cleanup() -> None:
    asked = held_options(header=f"X-Auth-Token: {TOKEN}", ca_file="ca.pem", insecure=True)
    shown = command(asked, "0" * 32)
    assert shown.endswith(f"--run {'0' * 32} --ca-file ca.pem --header '***' --insecure")


def test_wrong_token(stack: Stack) -> None:
    stack.start()
    with proxy(rules(stack, None, RENEWED)) as server:
        run = stack.locust("--preflight-only", *options(server, "--header", f"X-Auth-Token: {TOKEN}"))
        assert run.wait() == 3
    run.wait_for("error +broker .*HTTP 401 the token .* is none of ours.*--header 'X-Auth-Token: ...'")
    assert_no_token(stack, run.output)
