"""The users that load the broker: what they hold, and what is left of them when they are stopped."""

from __future__ import annotations

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import gevent
import pytest
import trustme

from scenario.users.load import IdleClient, UpdateTrigger
from tests.support.users import user

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def test_updates_that_are_under_way_end_with_their_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the broker would hold their connections at rest, before the next run."""
    state: list[str] = []

    def send(*_: object) -> None:
        state.append("sent")
        try:
            gevent.sleep(60)
        finally:
            state.append("ended")

    trigger, published = user(UpdateTrigger, "http://broker.test:1", 5, updates=3)
    monkeypatch.setattr(trigger, "_send", send)
    trigger.on_start()
    running = gevent.spawn(trigger.trigger)
    with gevent.Timeout(20):
        while len(state) < 3:
            gevent.sleep(0.1)
    running.kill()
    trigger.on_stop()
    assert state == [*["sent"] * 3, *["ended"] * 3]
    assert published == []


def answered(server: socket.socket, context: ssl.SSLContext | None) -> socket.socket:
    """Answer one request. Return the connection."""
    peer, _ = server.accept()
    peer.settimeout(5)
    peer = context.wrap_socket(peer, server_side=True) if context else peer
    assert peer.recv(10_000).startswith(b"GET /version")
    peer.sendall(ANSWER)
    return peer


def is_closed(peer: socket.socket) -> bool:
    peer.settimeout(1)
    try:
        return peer.recv(10_000) == b""
    except TimeoutError:
        return False


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_idle_clients_hold_their_connections_until_they_let_go(tmp_path: Path, scheme: str) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with socket.create_server(("localhost", 0)) as server, ThreadPoolExecutor() as pool:
        server.settimeout(10)
        url = f"{scheme}://localhost:{server.getsockname()[1]}"
        idle, _ = user(IdleClient, url, 5, idle_connections=1, ca_file=str(tmp_path / "ca.pem"))
        idle.on_start()
        idle.held = [connection for connection in [idle._connect(1)] if connection]
        answering = pool.submit(answered, server, context if scheme == "https" else None)
        assert idle._is_served(idle.held[0])
        with closing(answering.result(10)) as peer:
            assert not is_closed(peer), "the rows count it as held"
            idle.on_stop()
            assert is_closed(peer)
