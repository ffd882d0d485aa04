"""Lets clients in, each in a thread of its own."""

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
MAX_ENTERING, MAX_CLIENTS, BACKLOG = 32, 16, 128  # clients that have not logged in, that have, that wait for both
PAUSE = 0.2  # s, when there are no descriptors left
CHALLENGE = b"#CHALLENGE#"


class Clients:
    """Some of the clients; of more than `most` the one that was silent for longest has to go."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.silent_longest_first: OrderedDict[socket.socket, None] = OrderedDict()
        self.lock = threading.Lock()

    def heard(self, client: socket.socket) -> None:
        """Note that a client is there, or has just asked."""
        with self.lock:
            self.silent_longest_first[client] = None
            self.silent_longest_first.move_to_end(client)
            if len(self.silent_longest_first) > self.most:
                gone, _ = self.silent_longest_first.popitem(last=False)
                with suppress(OSError):
                    gone.shutdown(socket.SHUT_RDWR)  # its thread sees the end, and closes it

    def forget(self, client: socket.socket) -> None:
        """Note that a client has gone."""
        with self.lock:
            self.silent_longest_first.pop(client, None)


class Server:
    """Serves each client in a thread, for ever."""

    def __init__(self, listener: socket.socket, service: InspectorService, token: str) -> None:
        self.listener, self.service, self.token = listener, service, token.encode()
        self.entering, self.inside = Clients(MAX_ENTERING), Clients(MAX_CLIENTS)
        self.quiet_until = 0.0

    def serve(self) -> None:
        """Accept clients; without descriptors or threads left, wait for some."""
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
        """Wait a moment; say why, once per minute, to whoever listens."""
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
        """Challenge it, as multiprocessing.connection does: what goes over the wire is of no use a second time."""
        challenge = CHALLENGE + os.urandom(32)
        client.sendall(challenge)
        right = hmac.new(self.token, challenge, "sha256").digest()
        return hmac.compare_digest(client.recv(len(right), socket.MSG_WAITALL), right)
