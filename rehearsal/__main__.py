"""A stand-in for Orion, or for an NGSI-LD broker (--broker ngsi-ld), for rehearsals and tests without one.

    python -m rehearsal -multiservice -notificationMode threadpool:60000:5000 \\
        -httpTimeout 600000 -statNotifQueue -subCacheIval 5 -dbhost localhost

Prints one line when it is ready, `contextBroker (rehearsal) listening on 127.0.0.1:PORT`. SIGTERM and SIGINT end it.
Exit codes: 0 ended by a signal, 1 no MongoDB for 100 s or no port, 2 wrong options.
"""

from __future__ import annotations

from gevent import get_hub, monkey

get_hub().threadpool_size = 1  # gevent's own threads, which look up names, count as the broker's
monkey.patch_all()

import gc  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
from functools import partial  # noqa: E402
from pathlib import Path  # noqa: E402

import gevent  # noqa: E402
from pymongo.errors import PyMongoError  # noqa: E402

from rehearsal import faults  # noqa: E402
from rehearsal.broker import Broker  # noqa: E402
from rehearsal.command_line import parse  # noqa: E402
from rehearsal.network import Network, limit_ports  # noqa: E402
from rehearsal.ngsild import NgsiLd  # noqa: E402
from rehearsal.ngsild_senders import Antares, Coraine, Scorpio  # noqa: E402
from rehearsal.notifications import Worker  # noqa: E402
from rehearsal.options import Options  # noqa: E402
from rehearsal.pools import Senders, ThreadPools, make_senders  # noqa: E402
from rehearsal.senders import fork  # noqa: E402
from rehearsal.server import Server  # noqa: E402
from rehearsal.supervisor import keep_alive  # noqa: E402


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    options = parse()
    if options.restart:
        keep_alive(["-m", "rehearsal", *(word for word in sys.argv[1:] if word != "--restart")], options.port)
    _become_a_broker(options)
    _try_ports(options)
    gc.set_threshold(100_000, 50, 100)  # walking thousands of held notifications stops everything for 0.1 s
    senders = None if options.ngsild else _senders(options)
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, os._exit, 0)
    broker = Broker(options, senders) if senders else NgsiLd(_ngsild_senders(options))
    server = Server(options, broker)
    try:
        if isinstance(broker, Broker):
            broker.entities.at_trigger = partial(faults.begin, options, server)
            broker.open()
        server.start()
    except (PyMongoError, OSError) as error:
        sys.exit(f"rehearsal: {error}")
    gc.freeze()
    name = "NGSI-LD broker" if options.ngsild else "contextBroker"
    print(f"{name} (rehearsal) listening on {options.address}:{server.server_port}", flush=True)
    server.serve_forever()


def _senders(options: Options) -> Senders:
    """Start the senders, in processes of their own if there are to be several. Exit if no limit allows them."""
    network = Network(options.names, options.ports, options.source)
    new_worker = partial(Worker, options.notify_timeout, options.wakeup_pairs, network, options.leak)
    try:
        if options.sender_processes == 1:
            return make_senders(options.mode, new_worker)
        return ThreadPools.make(options.mode, fork(options.sender_processes, new_worker))
    except RuntimeError as error:
        sys.exit(f"rehearsal: {error} (Runtime Error starting notification queue workers)")


def _ngsild_senders(options: Options) -> Scorpio | Antares | Coraine:
    match options.like:
        case "antares":
            return Antares()
        case "coraine":
            return Coraine()
    return Scorpio(options.one_at_a_time)


def _try_ports(options: Options) -> None:
    """Exit with one sentence if the system cannot limit a socket's local ports."""
    if options.ports:
        with socket.socket() as trial:
            try:
                limit_ports(trial, options.ports)
            except OSError as error:
                sys.exit(f"rehearsal: --ports needs Linux 6.3 or later: {error}")


def _become_a_broker(options: Options) -> None:
    """Set the process name, and the limit of descriptors: --nofile, or the highest allowed."""
    Path("/proc/self/comm").write_text(options.name, encoding="ascii")
    hard = options.nofile or resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
