"""Faults of the broker itself that begin with the trigger: a crash, no accepting, busy work."""

from __future__ import annotations

import os
import signal
import time

import gevent

from rehearsal.options import Options
from rehearsal.server import Server

SPELL = 1.5  # s of work between two turns of the event loop: more than the scenario lets an answer take


def begin(options: Options, server: Server) -> None:
    """Begin the faults that the options name."""
    if options.crash_after is not None:
        gevent.spawn_later(options.crash_after, os.kill, os.getpid(), signal.SIGKILL)
    if options.deaf:
        server.stop_accepting()
    if options.burn:
        gevent.spawn(_burn)


def _burn() -> None:
    while True:
        gevent.sleep(0.05)
        end = time.process_time() + SPELL
        while time.process_time() < end:
            sum(range(10_000))
