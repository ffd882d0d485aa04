"""Orion's command line (options with one dash), and the rehearsal's own options (two dashes)."""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Sequence
from http import HTTPStatus

from rehearsal.leaks import KINDS, is_kind
from rehearsal.options import FailEvery, Names, NotificationMode, Options, PoolSize

# Options of Orion's manual that are accepted and ignored.
_IGNORED_FLAGS = (
    "fg ipv4 statTiming statCounters logAppend logSummary logForHumans disableFileLog disableMetrics "
    "insecureNotif logDeprecate dbDisableRetryWrites"
)
_IGNORED_VALUES = (
    "reqMutexPolicy writeConcern reqTimeout dbTimeout logDir logLevel t logLineMaxSize "
    "logInfoPayloadMaxSize connectionMemory inReqPayloadMaxSize outReqMsgMaxSize corsOrigin corsMaxAge "
    "pidpath cprForwardLimit"
)
_DESCRIPTION = """A stand-in for Orion. Its faults begin with the trigger: the first update that notifies at least half
of the service's subscriptions."""
_ERRORS = {str(status.value) for status in HTTPStatus if status >= 400}


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Return the options (default: of this process). Exits with code 2 and one sentence if one is wrong."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.sender_processes > 1 and given.notificationMode.name != "threadpool":
        parser.error("argument --sender-processes: needs -notificationMode threadpool")
    return Options(
        address=given.localIp,
        port=given.port,
        mongo=given.dbhost,
        pool_size=given.dbPoolSize,
        multiservice=given.multiservice,
        max_connections=sys.maxsize if given.broker == "ngsi-ld" else given.maxConnections,  # an Orion's limit
        request_pool=given.reqPoolSize,
        mode=given.notificationMode,
        sender_processes=given.sender_processes,
        notify_timeout=given.httpTimeout / 1000,
        refresh_interval=given.subCacheIval,
        show_queue=given.statNotifQueue and given.notificationMode.name == "threadpool",
        name=given.name,
        nofile=given.nofile,
        backlog=given.backlog,
        legacy_select=given.legacy_select,
        wakeup_pairs=not given.old_libcurl,
        fail_subscriptions=given.fail_subscriptions,
        ports=given.ports,
        source=given.source,
        names=Names(dict(given.resolve), given.slow_names),
        slow=given.slow / 1000,
        crash_after=given.crash_after,
        burn=given.burn,
        deaf=given.deaf,
        null_connection=given.null_connection,
        max_fails=given.max_fails,
        restart=given.restart,
        leak=given.leak,
        show_sem_wait=given.statSemWait,
        refresh_hold=given.refresh_hold / 1000,
        ngsild=given.broker == "ngsi-ld",
        like=given.like,
        one_at_a_time=given.one_at_a_time,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rehearsal", description=_DESCRIPTION, allow_abbrev=False)
    add = parser.add_argument
    add("-port", type=_Whole(0, 65535), default=1026, help="port to listen on; 0 picks a free port (default: 1026)")
    add("-localIp", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    database = "MongoDB: host[:port] for -dbhost; a mongodb:// URI for -dbURI, as since Orion 4 (default: localhost)"
    add("-dbhost", "-dbURI", default="localhost", metavar="MONGODB", help=database)
    add("-dbPoolSize", type=_Whole(1, 1000), default=10, help="connections to MongoDB (default: 10)")
    add("-multiservice", action="store_true", help="a database per service: orion-<service>")
    add(
        "-notificationMode",
        type=_mode,
        default=NotificationMode("transient"),
        metavar="MODE",
        help="transient (default), persistent or threadpool[:QUEUE:WORKERS[,SERVICE:QUEUE:WORKERS...]]",
    )
    add("-maxConnections", type=_Whole(1, 2**31), default=1020, help="clients connected at one time (default: 1020)")
    add("-reqPoolSize", type=_Whole(0, 1000), default=0, help="threads for all clients (default 0: one per client)")
    add(
        "-httpTimeout",
        type=_Whole(1, 2**31),
        default=5000,
        help="ms that a listener may take to answer (default: 5000)",
    )
    add(
        "-subCacheIval",
        type=_Whole(0, 2**31),
        default=60,
        help="seconds between refreshes of the cache (default: 60; 0: none)",
    )
    add("-statNotifQueue", action="store_true", help="show notifQueue in /statistics (threadpool only)")
    add("-statSemWait", action="store_true", help="show semWait in /statistics")
    _add_own(parser)
    _add_way_to_receivers(parser)
    _add_ngsild(parser)
    for flag in _IGNORED_FLAGS.split():
        add(f"-{flag}", action="store_true", help=argparse.SUPPRESS)
    for flag in _IGNORED_VALUES.split():
        add(f"-{flag}", help=argparse.SUPPRESS)
    return parser


def _add_own(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--sender-processes",
        type=_Whole(1, 100),
        default=1,
        metavar="N",
        help="number of processes for the workers of threadpool, each with its own descriptors (default: 1)",
    )
    add("--name", default="contextBroker", help="name of the process, up to 15 characters (default: contextBroker)")
    add("--nofile", type=_Whole(64, 2**31), help="limit of file descriptors (default: the hard limit)")
    add("--legacy-select", action="store_true", help="close connections whose descriptor is 1024 or higher")
    add("--old-libcurl", action="store_true", help="no socket pair per worker, like libcurl before 7.68")
    add("--fail-subscriptions", type=_fail, metavar="N:STATUS", help="answer every N-th creation with STATUS")
    add(
        "--slow",
        type=_Whole(0, 60000),
        default=0,
        help="ms that GET /version takes after the trigger (default: 0)",
    )
    add("--burn", action="store_true", help="keep one CPU busy after the trigger")
    add("--deaf", action="store_true", help="accept no connection after the trigger")
    add("--null-connection", action="store_true", help="never connect to MongoDB, as if it was started too early")
    add("--backlog", type=_Whole(0, 65535), default=socket.SOMAXCONN, help="length of the listen queue")
    add("--max-fails", type=_Whole(1, 2**31), default=-1, help="maxFailsLimit of subscriptions that do not set it")
    add("--crash-after", type=_Whole(0, 3600), help="seconds between the trigger and a crash of the process")
    add("--restart", action="store_true", help="start again after a crash, and on SIGHUP, on the same port")
    add(
        "--leak",
        nargs="?",
        const=KINDS[0],
        type=_leak,
        metavar="KIND",
        help="leak one of these with each notification that ends: "
        f"{', '.join(KINDS)}, memory:BYTES (default: {KINDS[0]})",
    )
    add(
        "--refresh-hold",
        type=_Whole(0, 60000),
        default=0,
        metavar="MS",
        help="ms for which a refresh blocks /v2, after half of the subscriptions were notified or answered",
    )


def _add_ngsild(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--broker", choices=("orion", "ngsi-ld"), default="orion", help="ngsi-ld needs no MongoDB")
    products = "with --broker ngsi-ld: the product to imitate (default: scorpio)"
    add("--like", choices=("scorpio", "antares", "coraine"), default="scorpio", help=products)
    add("--one-at-a-time", action="store_true", help="with --broker ngsi-ld: one notification at a time, as Antares")


def _leak(text: str) -> str:
    if not is_kind(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(KINDS)}, memory:BYTES")
    return text


def _add_way_to_receivers(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--ports",
        type=_Whole(1, 10000),
        help="local ports that notifications may use (Linux 6.3 or later; default: all)",
    )
    add("--source", metavar="ADDRESS", help="source address of notifications (default: the system's choice)")
    add(
        "--resolve",
        type=_name,
        action="append",
        default=[],
        metavar="HOST=[ADDRESS]",
        help="resolve a receiver's host to this address, or to none",
    )
    add("--slow-names", type=_Whole(1, 10000), metavar="N", help="every N-th look-up of a receiver's host takes 5 s")


class _Whole:
    """An argparse type: a whole number from `least` to `most`."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def __call__(self, text: str) -> int:
        if not (text.isdecimal() and self.least <= int(text) <= self.most):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {self.least} to {self.most}")
        return int(text)


def _mode(text: str) -> NotificationMode:
    first, *others = text.split(",")
    if text in ("transient", "persistent"):
        return NotificationMode(text)
    try:
        name, usual = _pool("threadpool:100:10" if first == "threadpool" else first)
        services = dict(map(_pool, others))
    except ValueError:
        name, usual, services = "", PoolSize(None, 0), {}
    if name != "threadpool":
        raise argparse.ArgumentTypeError(
            f"{text!r} is not transient, persistent or threadpool:QUEUE:WORKERS[,SERVICE:QUEUE:WORKERS...]"
        )
    return NotificationMode(name, usual, services)


def _pool(text: str) -> tuple[str, PoolSize]:
    """Read NAME:QUEUE:WORKERS. Raises ValueError."""
    name, queue, workers = text.split(":")
    if not (name and int(queue) > 0 and int(workers) > 0):
        raise ValueError
    return name, PoolSize(int(queue), int(workers))


def _name(text: str) -> tuple[str, str]:
    host, equals, address = text.partition("=")
    if not (host and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST=ADDRESS, or HOST= for none")
    return host, address


def _fail(text: str) -> FailEvery:
    match text.split(":"):
        case [nth, status] if nth.isdecimal() and int(nth) and status in _ERRORS:
            return FailEvery(int(nth), int(status))
    raise argparse.ArgumentTypeError(f"{text!r} is not N:STATUS with the status of an error, such as 7:503")
