"""Serves clients, each in its own thread."""

from __future__ import annotations

import hmac
import os
import socket
import struct
import sys
import threading
import time
from collections import OrderedDict
from contextlib import suppress

import rpyc

from inspector.service import CALL_SECONDS, CLOSED, InspectorService, LimitedChannel, WholeStream

IDLE_SECONDS = 3600  # longest silence of a client; between the steps of a ramp there are no requests
MAX_ENTERING, MAX_CLIENTS, BACKLOG = 32, 16, 128  # clients without login, with login, waiting for either
PAUSE = 0.2  # s, if no descriptors are left
CHALLENGE = b"#CHALLENGE#"


class Connections:
    """At most `most` connections of clients. The longest silent one is dropped for a new one."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.silent_longest_first: OrderedDict[socket.socket, None] = OrderedDict()
        self.lock = threading.Lock()

    def heard(self, client: socket.socket) -> None:
        """Record that a client came, or sent a request."""
        with self.lock:
            self.silent_longest_first[client] = None
            self.silent_longest_first.move_to_end(client)
            if len(self.silent_longest_first) > self.most:
                gone, _ = self.silent_longest_first.popitem(last=False)
                with suppress(OSError):
                    gone.shutdown(socket.SHUT_RDWR)  # its thread sees the end, and closes it

    def forget(self, client: socket.socket) -> None:
        """Record that a client left."""
        with self.lock:
            self.silent_longest_first.pop(client, None)


class Server:
    """Serves each client in a thread."""

    def __init__(self, listener: socket.socket, service: InspectorService, token: str) -> None:
        self.listener, self.service, self.token = listener, service, token.encode()
        self.entering, self.inside = Connections(MAX_ENTERING), Connections(MAX_CLIENTS)
        self.quiet_until = 0.0

    def serve(self) -> None:
        """Accept clients. Wait while no descriptors or threads are left."""
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError as error:
                self._pause(f"cannot accept a connection: {error.strerror}")
                continue
            self.entering.heard(client)
            try:
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()
            except RuntimeError as error:
                self.entering.forget(client)
                client.close()
                self._pause(f"cannot serve a connection: {error}")

    def _pause(self, why: str) -> None:
        """Wait a moment. Print the reason once per minute."""
        if time.monotonic() > self.quiet_until:
            self.quiet_until = time.monotonic() + 60
            with suppress(OSError):
                print(why, file=sys.stderr, flush=True)
        time.sleep(PAUSE)

    def _serve(self, client: socket.socket) -> None:
        try:
            limit = struct.pack("ll", CALL_SECONDS, 0)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
            if self.token and not self._knows_token(client):
                return
            self.entering.forget(client)
            self.inside.heard(client)
            connection = rpyc.connect_channel(LimitedChannel(WholeStream(client)), self.service, CLOSED)
            while connection.serve(IDLE_SECONDS):
                self.inside.heard(client)
        except Exception:
            pass
        finally:
            self.entering.forget(client)
            self.inside.forget(client)
            client.close()

    def _knows_token(self, client: socket.socket) -> bool:
        """Challenge the client, like multiprocessing.connection: the answer cannot be reused."""
        challenge = CHALLENGE + os.urandom(32)
        client.sendall(challenge)
        right = hmac.new(self.token, challenge, "sha256").digest()
        return hmac.compare_digest(client.recv(len(right), socket.MSG_WAITALL), right)
