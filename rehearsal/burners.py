"""python -m rehearsal.burners NUMBER: runs NUMBER processes from SIGUSR1 to SIGUSR2. Each uses up a processor."""

from __future__ import annotations

import os
import signal
import sys

from rehearsal.supervisor import die_with_parent


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    wanted = {signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
    print("burners ready", flush=True)
    burning: list[int] = []
    while (number := signal.sigwait(wanted)) in {signal.SIGUSR1, signal.SIGUSR2}:
        _end(burning)
        burning = [_burn() for _ in range(int(sys.argv[1]))] if number == signal.SIGUSR1 else []
    _end(burning)


def _burn() -> int:
    if child := os.fork():
        return child
    die_with_parent()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # the parent blocks it
    while True:
        sum(range(100_000))


def _end(burning: list[int]) -> None:
    for child in burning:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
