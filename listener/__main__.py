"""`python -m listener`: starts the processes, prints statistics, ends the processes."""

from __future__ import annotations

import os
import signal
import socket
import sys
from types import FrameType
from typing import NoReturn

from listener.options import Options, parse
from listener.output import say
from listener.server import Server
from listener.sockets import listen, listen_deaf, name, raise_descriptor_limit
from listener.stats import Stats

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


def main() -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP. Exit code 0 then; 1 if it cannot serve; 2 if an option is wrong."""
    options = parse()
    before, limit = raise_descriptor_limit()
    sockets = listen(options.host, options.ports, options.processes)
    deaf = [] if options.deaf is None else listen_deaf(options.host, options.deaf)
    stats = Stats(options.processes, options.stats)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # the other processes keep them blocked, and end with the first
    lifeline = os.pipe()
    others = [_fork(options, number, sockets, stats, lifeline) for number in range(1, options.processes)]
    _keep_only(0, sockets)
    server = Server(options, sockets[0], stats, 0)
    if options.stats:
        server.every(options.stats, lambda: say(stats.line()))
    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores it
            signal.signal(number, _end)
    say(f"descriptor limit {limit} (soft limit was {before})")
    say(f"listening on {', '.join(map(name, sockets[0]))}")
    if deaf:
        say(f"deaf on {name(deaf[0])}")
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        server.run()
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        os.close(lifeline[1])
        for other in others:
            os.waitpid(other, 0)
        server.publish()
        say(stats.line())


def _fork(
    options: Options, number: int, sockets: list[list[socket.socket]], stats: Stats, lifeline: tuple[int, int]
) -> int:
    """Start process `number` and return its id. It serves until the write end of `lifeline` is closed."""
    pid = os.fork()
    if pid:
        return pid
    os.close(lifeline[1])
    _keep_only(number, sockets)
    server = Server(options, sockets[number], stats, number)
    server.watch(lifeline[0], sys.exit)
    try:
        server.run()
    finally:
        server.publish()


def _keep_only(number: int, sockets: list[list[socket.socket]]) -> None:
    """Close the sockets of the other processes. An open copy would accept connections that no process serves."""
    for row in sockets[:number] + sockets[number + 1 :]:
        for listening in row:
            listening.close()


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    if number == signal.SIGCHLD:
        sys.exit(
            "listener: one of its processes died with the connections it held, so all counts are wrong from now on"
        )
    sys.exit(0)


if __name__ == "__main__":
    main()
