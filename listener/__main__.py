"""`python -m listener`: starts the processes, prints the stats, ends them all."""

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
    """Serve until SIGINT, SIGTERM or SIGHUP; exit with 0 then, 1 when it cannot serve, 2 when an option is wrong."""
    options = parse()
    before, limit = raise_descriptor_limit()
    sockets = listen(options.host, options.ports, options.processes)
    deaf = [] if options.deaf is None else listen_deaf(options.host, options.deaf)
    stats = Stats(options.processes, options.stats)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # for good in the others: they end when the first one does
    lifeline = os.pipe()
    others = [_fork(options, number, sockets, stats, lifeline) for number in range(1, options.processes)]
    _keep_only(0, sockets)
    server = Server(options, sockets[0], stats, 0)
    if options.stats:
        server.every(options.stats, lambda: say(stats.line()))
    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
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
    """Start process `number`, which serves until the write end of `lifeline` is closed; return its id."""
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
    """Close the sockets of the other processes: an open copy would go on taking connections that nobody serves."""
    for row in sockets[:number] + sockets[number + 1 :]:
        for listening in row:
            listening.close()


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    if number == signal.SIGCHLD:
        sys.exit("listener: one of its processes died with what it held, so nothing it would count is right any more")
    sys.exit(0)


if __name__ == "__main__":
    main()
