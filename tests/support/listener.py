"""A running listener and how to talk to it over real sockets."""

from __future__ import annotations

import json
import re
import socket
import time
from pathlib import Path
from typing import Any

from tests.support.processes import ROOT, Process, Processes

NOTIFICATION = b"POST /notify HTTP/1.1\r\nHost: l\r\nContent-Length: 11\r\n\r\n" + b'{"data":[]}'


def notification(subscription: int, number: int | str = 1, path: str = "/notify", sent: int = 0) -> bytes:
    """Return a notification as Orion 4.7.0 sends it, of update `number`, sent at `sent` us since the epoch."""
    texts = {"number": number, "sent": sent or time.time_ns() // 1000}
    attributes = [f'"{name}":{{"type":"Text","value":"{text}","metadata":{{}}}}' for name, text in texts.items()]
    entity = f'{{"id":"ConnectionsStressTest","type":"Thing",{",".join(attributes)}}}'
    body = f'{{"subscriptionId":"6b03ade3e48eebcd{subscription:08x}","data":[{entity}]}}'
    head = (
        f"POST {path} HTTP/1.1",
        "Host: localhost:8090",
        "User-Agent: orion/4.7.0 libcurl/7.88.1",
        "Fiware-Service: facts",
        "Fiware-Servicepath: /test",
        "Accept: application/json",
        f"Content-Length: {len(body)}",
        "Content-Type: application/json; charset=utf-8",
        f"Fiware-Correlator: 06f29bc8-e6eb-11f1-8533-02fc{subscription:08x}; cbnotif=1",
        "Ngsiv2-AttrsFormat: normalized",
    )
    return "\r\n".join((*head, "", body)).encode()


class Client:
    """Talks to the listener at `ports`."""

    def __init__(self, ports: list[int]) -> None:
        self.ports = ports

    def connect(self, data: bytes = b"", host: str = "127.0.0.1", port: int = 0) -> socket.socket:
        """Return a new connection that has sent `data`; its operations take at most 10 s."""
        connection = socket.create_connection((host, port or self.ports[0]), timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(data)
        return connection

    def hold(self, number: int, **wanted: int) -> list[socket.socket]:
        """Open `number` connections with a notification each; return them when all are held."""
        connections = [self.connect(NOTIFICATION) for _ in range(number)]
        self.wait_until(held=number, **wanted)
        return connections

    def get(self, path: str, method: str = "GET", host: str = "127.0.0.1", header: str = "") -> tuple[int, bytes]:
        """Return status and body of one request on a new connection; `header` is one more header line."""
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: localhost",
            "Connection: close",
            *([header] if header else []),
            "",
            "",
        ]
        with self.connect("\r\n".join(lines).encode(), host) as peer:
            head, _, body = read_all(peer).partition(b"\r\n\r\n")
        return int(head.split()[1]), body

    def stats(self) -> dict[str, Any]:
        """Return the answer of /-/stats."""
        status, body = self.get("/-/stats")
        assert status == 200
        stats: dict[str, Any] = json.loads(body)
        return stats

    def token(self) -> str:
        """Return the header that a release needs."""
        return f"Release-Token: {json.loads(self.get('/-/release')[1])['token']}"

    def release(self, query: str = "") -> int:
        """Have everything answered. Return the number of notifications."""
        status, body = self.get(f"/-/release{query}", "POST", header=self.token())
        assert status == 200
        return int(json.loads(body)["released"])

    def wait_until(self, timeout: float = 10.0, **wanted: object) -> dict[str, Any]:
        """Return the stats as soon as they have the `wanted` values. Fail after `timeout` s."""
        end = time.monotonic() + timeout
        while not wanted.items() <= (stats := self.stats()).items():
            assert time.monotonic() < end, f"wanted {wanted}, have {stats}"
            time.sleep(0.01)
        return stats


class Listener(Client):
    """A running listener and how to talk to it."""

    def __init__(self, process: Process) -> None:
        self.process = process
        line = process.wait_for(r"^listening on .*:\d+$")[0]
        super().__init__([int(port) for port in re.findall(r":(\d+)(?:,|$)", line)])


def start(
    processes: Processes, *options: str | int, port: str = "0", limit: str = "", checkout: Path = ROOT
) -> Listener:
    """Start a listener; `limit` is its limit on descriptors, as `prlimit --nofile` takes it."""
    prefix = ["prlimit", f"--nofile={limit}"] if limit else []
    command = (*prefix, "python", "-m", "listener", "-port", port, *options)
    return Listener(processes.start(*command, cwd=checkout, name="listener"))


def read_all(peer: socket.socket) -> bytes:
    """Return everything up to the end of the connection."""
    return b"".join(iter(lambda: peer.recv(65536), b""))


def read_answer(peer: socket.socket) -> bytes:
    """Return one answer, `200 OK` with its body."""
    answer = b""
    while not answer.endswith(b"\r\n\r\nOK"):
        received = peer.recv(1)
        assert received, f"closed after {answer!r}"
        answer += received
    return answer


def close_all(connections: list[socket.socket]) -> None:
    for connection in connections:
        connection.close()
