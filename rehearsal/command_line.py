"""Orion's command line, one dash and all, and the rehearsal's own options (two dashes)."""

from __future__ import annotations

import argparse
import socket
from collections.abc import Sequence
from http import HTTPStatus

from rehearsal.leaks import KINDS, is_kind
from rehearsal.options import FailEvery, Names, NotificationMode, Options, PoolSize

# Flags of Orion's manual that change nothing here: accepted, ignored.
_IGNORED_FLAGS = (
    "fg ipv4 statTiming statCounters logAppend logSummary logForHumans disableFileLog disableMetrics "
    "insecureNotif logDeprecate dbDisableRetryWrites"
)
_IGNORED_VALUES = (
    "reqMutexPolicy writeConcern reqTimeout dbTimeout logDir logLevel t logLineMaxSize "
    "logInfoPayloadMaxSize connectionMemory inReqPayloadMaxSize outReqMsgMaxSize corsOrigin corsMaxAge "
    "pidpath cprForwardLimit"
)
_DESCRIPTION = """A stand-in for Orion. Its faults begin with the trigger: the first update that notifies half of its
service's subscriptions, or more."""
_ERRORS = {str(status.value) for status in HTTPStatus if status >= 400}


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line (None: the process's own); a wrong one ends the process with code 2 and one sentence."""
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
        max_connections=given.maxConnections,
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
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rehearsal", description=_DESCRIPTION, allow_abbrev=False)
    add = parser.add_argument
    add("-port", type=_Whole(0, 65535), default=1026, help="0: a free one (default: 1026)")
    add("-localIp", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    database = "MongoDB: host[:port] for -dbhost, mongodb:// for -dbURI, Orion's own since 4.0 (default: localhost)"
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
    add("-maxConnections", type=_Whole(1, 2**31), default=1020, help="of clients at one time (default: 1020)")
    add("-reqPoolSize", type=_Whole(0, 1000), default=0, help="threads for all clients (default 0: one for each)")
    add("-httpTimeout", type=_Whole(1, 2**31), default=5000, help="ms a listener has for its answer (default: 5000)")
    add(
        "-subCacheIval",
        type=_Whole(0, 2**31),
        default=60,
        help="s between refreshes of the cache (default: 60; 0: none)",
    )
    add("-statNotifQueue", action="store_true", help="show notifQueue in /statistics (threadpool only)")
    add("-statSemWait", action="store_true", help="show semWait in /statistics")
    _add_own(parser)
    _add_way_to_receivers(parser)
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
        help="processes over which the workers of threadpool are spread: each has its descriptors (default: 1)",
    )
    add("--name", default="contextBroker", help="the process's name, up to 15 characters (default: contextBroker)")
    add("--nofile", type=_Whole(64, 2**31), help="descriptors the process may open (default: its hard limit)")
    add("--legacy-select", action="store_true", help="close connections whose descriptor is 1024 or more")
    add("--old-libcurl", action="store_true", help="no socket pair per worker, as before libcurl 7.68")
    add("--fail-subscriptions", type=_fail, metavar="N:STATUS", help="answer every N-th creation with STATUS")
    add(
        "--slow",
        type=_Whole(0, 60000),
        default=0,
        help="ms that GET /version waits from the trigger on (default: 0)",
    )
    add("--burn", action="store_true", help="from the trigger on all of a processor is spent, on nothing")
    add("--deaf", action="store_true", help="from the trigger on no connection is accepted any more")
    add("--null-connection", action="store_true", help="never connect to MongoDB, as when it was started too early")
    add("--backlog", type=_Whole(0, 65535), default=socket.SOMAXCONN, help="length of the listen queue")
    add("--max-fails", type=_Whole(1, 2**31), default=-1, help="maxFailsLimit of subscriptions that name none")
    add("--crash-after", type=_Whole(0, 3600), help="s after the trigger at which the process is killed")
    add("--restart", action="store_true", help="start again after a crash, and on SIGHUP, on the same port")
    add(
        "--leak",
        nargs="?",
        const=KINDS[0],
        type=_leak,
        metavar="KIND",
        help="each notification that has ended leaves one behind, of these: "
        f"{', '.join(KINDS)}, memory:BYTES (default: {KINDS[0]})",
    )
    add(
        "--refresh-hold",
        type=_Whole(0, 60000),
        default=0,
        metavar="MS",
        help="ms for which a refresh holds up /v2, once half of the subscriptions were notified or answered",
    )


def _leak(text: str) -> str:
    if not is_kind(text):
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(KINDS)}, memory:BYTES")
    return text


def _add_way_to_receivers(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--ports",
        type=_Whole(1, 10000),
        help="local ports that notifications may use (Linux 6.3 or later; default: all)",
    )
    add("--source", metavar="ADDRESS", help="address that notifications are sent from (default: the system's choice)")
    add(
        "--resolve",
        type=_name,
        action="append",
        default=[],
        metavar="HOST=[ADDRESS]",
        help="find this address for a receiver's host, or none",
    )
    add("--slow-names", type=_Whole(1, 10000), metavar="N", help="each N-th look-up of a receiver's host takes 5 s")


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
    """Read NAME:QUEUE:WORKERS; ValueError: it is none."""
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
    raise argparse.ArgumentTypeError(f"{text!r} is not N:STATUS with the status of an error, as in 7:503")
