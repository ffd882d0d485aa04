"""python -m rehearsal.signals LISTENER_URL SECONDS:SIGNAL:PID...

Waits until the listener holds a notification, longer than a healthy subscriber's. Sends each signal (STOP, CONT, KILL,
...) so many seconds after that. If it is ended early, it continues the processes that it has stopped.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

POLL, HELD = 0.1, 0.5  # s


def main() -> None:
    url, *wanted = sys.argv[1:]
    steps = sorted((float(after), signal.Signals[f"SIG{name}"], int(pid)) for after, name, pid in map(_split, wanted))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        begin = time.monotonic()
        while time.monotonic() - begin < HELD:
            time.sleep(POLL)
            if not _holds(url):
                begin = time.monotonic()
        for after, number, pid in steps:
            time.sleep(max(0.0, begin + after - time.monotonic()))
            os.kill(pid, number)
            print(f"{time.monotonic() - begin:.1f} s: {number.name} to {pid}", flush=True)
    finally:
        for _, number, pid in steps:
            if number == signal.SIGSTOP:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


def _split(step: str) -> list[str]:
    return step.split(":")


def _holds(url: str) -> bool:
    opener = build_opener(ProxyHandler({}))
    with contextlib.suppress(URLError, OSError), opener.open(f"{url}/-/stats", timeout=2) as answer:
        return bool(json.load(answer)["held"])
    return False


if __name__ == "__main__":
    main()
