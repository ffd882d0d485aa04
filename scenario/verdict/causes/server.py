"""Causes for which the broker does not answer a new connection, or not in time: its limits, its server, its CPU."""

from __future__ import annotations

from scenario.preflight.limits import SPARE
from scenario.verdict.causes.cause import Cause, limit, stopped_answering
from scenario.verdict.healthy import late
from scenario.verdict.symptoms import Symptoms


def _first(seen: Symptoms) -> str:
    return f"{len(seen.nok)} of {len(seen.probed)} rows NOK, the first at second {seen.nok[0].since_trigger}"


def _clients(seen: Symptoms) -> str:
    return f"{seen.inbound} of {seen.max_connections} connections at its port"


def _full(seen: Symptoms) -> object:
    return seen.full_of_clients


def _threads(seen: Symptoms) -> str:
    used, most, where = seen.threads or (0, 0, "")
    refused = f", {seen.threads_refused} refused" if seen.threads_refused else ""
    return f"{used} of {most} threads of {where}{refused} with {seen.held} of {seen.wanted} notifications held"


def _pool_of_requests(seen: Symptoms) -> str:
    pool = seen.hold.found.command_line.request_pool
    return f"; it was started with -reqPoolSize {pool}" if pool else ""


def _select_remedy(seen: Symptoms) -> str:
    if seen.is_orion_ld:
        return "start it with -reqPoolSize 8, say: then Orion-LD uses epoll()"
    if seen.pool_of_requests:
        return "start it without -reqPoolSize: then Orion has a thread with poll() for each connection"
    return "use a broker whose server uses poll() or epoll(): Orion after 1.4.3, libmicrohttpd with MHD_USE_EPOLL"


def _back(seen: Symptoms) -> str:
    return "all of it was back later" if seen.answered_again else "it did not come back before the last row"


def _cpu(seen: Symptoms) -> str:
    spent = seen.cpu_when(seen.suffering)
    busy = "" if spent is None else f"it kept {spent:.2f} of its {seen.cpus:g} CPUs busy"
    held_back = f"a quota kept it waiting for {seen.throttled:.0%} of the time" if seen.throttled > 0.01 else ""
    host = "its host had no CPU to spare" if seen.host_busy else ""
    ready = "it was running, or ready to, all the time" if seen.always_ready else ""
    return ", ".join(filter(None, (busy, held_back, host, ready)))


SERVER = (
    Cause(
        "max-connections",
        "as many clients are connected as the broker takes (-maxConnections): it turns away the others",
        (lambda s: s.closed_at_once or s.silent, _full),
        lambda s: f"{_first(s)}, with {_clients(s)}",
        lambda s: f"start it with -maxConnections {2 * s.max_connections}, or have fewer clients",
        (stopped_answering, lambda s: s.out_of_descriptors),
        "the inspector's count of connections at the broker's port",
    ),
    Cause(
        "threads",
        "the broker may not have more threads",
        (lambda s: s.closed_at_once or s.fell_short, lambda s: s.out_of_threads),
        _threads,
        lambda s: f"raise that limit to {s.wanted + SPARE}: a thread for each notification, and for each connection",
        (stopped_answering, _full, lambda s: s.out_of_descriptors),
        "the limits on its threads: ulimit -u, and pids.max of its control group",
    ),
    Cause(
        "select",
        "the broker's server uses select(), which cannot watch descriptors from FD_SETSIZE, number 1024, on",
        (
            lambda s: s.closed_at_once,
            lambda s: s.low_numbers_taken,
            lambda s: s.fds >= 1024 if s.process else None,
            lambda s: s.may_use_select,
        ),
        lambda s: (
            f"{len(s.closed_at_once)} of {len(s.probed)} rows closed without an answer, "
            f"at most {s.free_low} of the numbers below 1024 free in them, "
            f"{s.fds} of {limit(s.nofile)} descriptors open, {_clients(s)}{_pool_of_requests(s)}"
        ),
        _select_remedy,
        (stopped_answering, lambda s: s.out_of_descriptors, _full, lambda s: s.threads_close_connections),
        "its free descriptor numbers below 1024, and whether it was started with -reqPoolSize",
    ),
    Cause(
        "nofile",
        "the broker ran out of file descriptors",
        (
            lambda s: s.out_of_descriptors if s.process else None,
            lambda s: s.fell_short or s.silent or s.closed_at_once or late(s.hold),
        ),
        lambda s: (
            f"{s.fds} of {limit(s.nofile)} open with {s.held} of {s.wanted} notifications held, {s.fds_each:.1f} each"
        ),
        lambda s: f"start it after ulimit -n {s.fds_needed}",
        told_by="its open descriptors, and its limit on them",
    ),
    Cause(
        "ports",
        "the ephemeral ports of the broker's host are exhausted",
        (lambda s: s.ports_exhausted, lambda s: s.fell_short, lambda s: s.sent_error > s.few),
        lambda s: (
            f"{s.ports[0]} lead to listeners, {s.ports[2]} of the {s.ports[1]} from lowest to highest are taken; "
            f"{s.sent_error} notifications failed"
        ),
        "sysctl net.ipv4.ip_local_port_range='1024 65535' on the broker's host, or one more --notify-url",
        (stopped_answering, lambda s: s.out_of_descriptors or s.broker_gave_up, lambda s: s.unreachable),
    ),
    Cause(
        "frozen",
        "the broker's process stood still: it did nothing, and answered nobody",
        (lambda s: len(s.silent) > 1 or s.stopped, lambda s: s.stands_still),
        lambda s: f"{_first(s)}; {s.still}; {_back(s)}",
        "see who stopped it: SIGSTOP, a debugger, a container that was paused, a virtual machine that was moved",
        (stopped_answering, lambda s: s.out_of_descriptors, _full),
        "its CPU time",
    ),
    Cause(
        "overloaded",
        "the broker has too little CPU",
        (lambda s: s.silent or s.slow, lambda s: s.too_little_cpu),
        lambda s: f"{_cpu(s)} in the {len(s.suffering)} rows that were NOK or slow",
        "give it more CPU, or a larger quota in cpu.max, or fewer clients",
        (stopped_answering, _full, lambda s: s.out_of_descriptors, lambda s: bool(s.silent) and s.stands_still),
        "its CPU time and quota",
    ),
    Cause(
        "listen-queue",
        "the broker does not accept the connections that wait at its port",
        (lambda s: s.silent, lambda s: s.not_accepted),
        lambda s: (
            f"{_first(s)}; up to {s.listen_queue} connections waited, "
            f"{s.dropped_before_accept} found the queue full on its host"
        ),
        "see what its accepting thread waits for (a stack trace); more threads with -reqPoolSize, a larger somaxconn",
        (
            stopped_answering, _full, lambda s: s.out_of_descriptors, lambda s: s.stands_still,
            lambda s: s.too_little_cpu,
        ),
        "its listen queue (ss -lnt)",
    ),
)  # fmt: skip


def _slow_version(seen: Symptoms) -> str:
    rows = f"{len(seen.slow)} of {len(seen.probed)} rows"
    return f"GET /version took {seen.slowest:.0f} ms at worst in {rows}; none failed" if seen.slow else ""


def _slow_client(seen: Symptoms) -> str:
    if not seen.slow_client:
        return ""
    return f"the ordinary client's update or query took {max(seen.slow_client):.0f} ms at worst"


def _want_of_cpu(seen: Symptoms) -> bool | None:
    """Tell whether the broker was slow for want of CPU; None: so may everybody be on its host, or nobody counted."""
    if seen.slow and seen.too_little_cpu:
        return True
    return None if seen.host_busy or seen.too_little_cpu else seen.too_little_cpu


SLOW = Cause(
    "slow",
    "the broker answers, but too slowly",
    (lambda s: s.slow or s.slow_client,),
    lambda s: "; ".join(filter(None, (_slow_version(s), _slow_client(s)))),
    "give it more CPU, fewer other clients, a faster database; or a --version-slo that fits it",
    (lambda s: s.nok, _want_of_cpu, lambda s: s.database_trouble or len(s.hanging) > 1),
    "a run on a host that has CPU to spare",
)
