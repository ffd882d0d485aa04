"""Causes of missing or late answers to new connections: the broker's limits, its server, its CPU."""

from __future__ import annotations

from scenario.settings.needs import SPARE
from scenario.verdict.causes.cause import (
    ALIVE,
    CLIENT,
    CPU,
    DESCRIPTORS,
    HEALTHY,
    HELD,
    NOK,
    REACHED,
    ROOM,
    SLOW,
    Cause,
    limit,
)
from scenario.verdict.causes.peers import unreachable
from scenario.verdict.evidence import Evidence
from scenario.verdict.evidence.counters import above
from scenario.verdict.of_broker import (
    cache_refresh,
    cpu_while_silent,
    no_thread_for_a_connection,
    stands_still,
    tester_busy,
    too_little_cpu,
    was_stopped,
)
from scenario.verdict.of_notifications import broker_gave_up


def _closed(e: Evidence) -> bool:
    return bool(e.version.closed)


def _silent(e: Evidence) -> bool:
    return bool(e.version.silent)


def _first(e: Evidence) -> str:
    nok = e.version.nok or e.update.nok
    return f"{len(nok)} of {len(e.version.answers)} rows NOK, the first at second {nok[0].second}"


def _clients(e: Evidence) -> str:
    return f"{e.port.inbound} of {e.port.max_connections} connections at its port"


def _threads(e: Evidence) -> str:
    used, most, where = e.limits.threads or (0, 0, "")
    refused = f", {e.limits.threads_refused} refused" if e.limits.threads_refused else ""
    held = f"{e.held.number} of {e.load.wanted} notifications held"
    return f"{used} of {most} threads of {where}{refused} with {held}"


def _select(e: Evidence) -> str:
    pool = f"; it was started with -reqPoolSize {e.started.request_pool}" if e.started.request_pool else ""
    return (
        f"{len(e.version.closed)} of {len(e.version.answers)} rows closed without an answer, "
        f"at most {e.limits.free_low} of the numbers below 1024 free in them, "
        f"{e.process.fds} of {limit(e.limits.nofile)} descriptors open, {_clients(e)}{pool}"
    )


def _select_remedy(e: Evidence) -> str:
    if e.started.is_orion_ld:
        return "start it with -reqPoolSize 8, say: then Orion-LD uses epoll()"
    if e.started.pool_of_requests:
        return "start it without -reqPoolSize: then Orion has a thread with poll() for each connection"
    return "use a broker whose server uses poll() or epoll(): Orion after 1.4.3, libmicrohttpd with MHD_USE_EPOLL"


def _ports(e: Evidence) -> str:
    count, span, taken = e.limits.ports or (0, 0, 0)
    packed = f"{count} lead to listeners, {taken} of the {span} from lowest to highest are taken"
    return f"{packed}; {e.queue.sent_error} notifications failed"


def _still(e: Evidence) -> str:
    states = sorted({a.row.connections.state for a in e.version.nok if a.row.connections and a.row.connections.state})
    spent = cpu_while_silent(e)
    cpu = "" if spent is None else f"it spent {spent:.3f} s of CPU per second"
    state = f"state {'/'.join(states)}" if states else ""
    what = ", ".join(filter(None, (cpu, state))) or "its descriptors and threads never moved"
    back = "it was back later" if e.version.answered_again else "it did not come back before the last row"
    return f"{_first(e)}; {what}; {back}"


def _cpu(e: Evidence) -> str:
    spent, throttled = e.process.cpu_in(e.suffering), e.process.throttled_in(e.suffering)
    busy = "" if spent is None else f"it kept {spent:.2f} of its {e.process.cpus:g} CPUs busy"
    held_back = f"a quota withheld {throttled:.1f} CPUs from it" if throttled > 0.01 else ""
    host = "its host had no CPU to spare" if e.host.busy else ""
    ready = "it was always running or ready to run" if e.process.always_ready_in(e.suffering) else ""
    figures = ", ".join(filter(None, (busy, held_back, host, ready)))
    return f"{figures} in the {len(e.suffering)} rows that were NOK or slow"


def _waiting(e: Evidence) -> str:
    return f"{_first(e)}; up to {e.port.waiting} connections waited, {e.port.overflows} found it full on its host"


SERVER = (
    Cause(
        name="max-connections",
        says="the broker has as many clients as it accepts (-maxConnections) and turns others away",
        needs=[lambda e: _closed(e) or _silent(e), lambda e: e.port.full],
        supposes=ALIVE | DESCRIPTORS,
        explains=NOK,
        evidence=lambda e: f"{_first(e)}, with {_clients(e)}",
        remedy=lambda e: f"start it with -maxConnections {2 * e.port.max_connections}, or have fewer clients",
        distinguished_by="the inspector's count of connections at the broker's port",
    ),
    Cause(
        name="threads",
        says="the broker cannot create more threads",
        needs=[lambda e: _closed(e) or bool(e.held.fell_short), lambda e: e.limits.out_of_threads],
        supposes=ALIVE | ROOM | DESCRIPTORS | REACHED,
        explains=NOK | HELD,
        evidence=_threads,
        remedy=lambda e: (
            f"raise that limit to {max(e.load.wanted + SPARE, 2 * (e.limits.threads or (0, 0))[1])}: "
            "a thread for each notification, and for each connection"
        ),
        distinguished_by="the limits on its threads: ulimit -u, and pids.max of its control group",
    ),
    Cause(
        name="select",
        says="the broker's server uses select(), which cannot watch descriptors from FD_SETSIZE, number 1024, on",
        needs=[
            _closed,
            lambda e: e.limits.low_numbers_taken,
            lambda e: above(e.process.fds, 1023),
            lambda e: e.started.may_use_select,
        ],
        unless=[no_thread_for_a_connection],
        supposes=ALIVE | ROOM | DESCRIPTORS | REACHED,
        explains=NOK,
        evidence=_select,
        remedy=_select_remedy,
        distinguished_by="its free descriptor numbers below 1024, and whether it was started with -reqPoolSize",
    ),
    Cause(
        name="nofile",
        says="the broker ran out of file descriptors",
        needs=[
            lambda e: e.limits.out_of_descriptors,
            lambda e: e.held.fell_short or _silent(e) or _closed(e) or bool(e.healthy.late),
        ],
        explains=NOK | HELD | HEALTHY,
        evidence=lambda e: (
            f"{e.process.fds} of {limit(e.limits.nofile)} open with {e.held.number} of {e.load.wanted} "
            f"notifications held, {e.limits.fds_each:.1f} each"
        ),
        remedy=lambda e: f"start it after ulimit -n {e.limits.fds_needed}",
        distinguished_by="its open descriptors, and its limit on them",
    ),
    Cause(
        name="ports",
        says="the ephemeral ports of the broker's host are exhausted",
        needs=[
            lambda e: e.limits.out_of_ports,
            lambda e: e.held.fell_short,
            lambda e: above(e.queue.sent_error, e.load.few),
        ],
        unless=[broker_gave_up, unreachable],
        supposes=ALIVE | DESCRIPTORS,
        explains=HELD,
        evidence=_ports,
        remedy="sysctl net.ipv4.ip_local_port_range='1024 65535' on the broker's host, or one more --notify-url",
    ),
    Cause(
        name="frozen",
        says="the broker's process did nothing and answered nobody",
        needs=[lambda e: len(e.version.silent) > 1 or was_stopped(e), stands_still],
        supposes=ALIVE | ROOM | DESCRIPTORS | REACHED,
        explains=NOK | CLIENT | SLOW | HEALTHY,
        evidence=_still,
        remedy="find out who stopped it: SIGSTOP, a debugger, a paused container, a migrated virtual machine",
        distinguished_by="its CPU time",
    ),
    Cause(
        name="overloaded",
        says="the broker has too little CPU",
        needs=[lambda e: _silent(e) or bool(e.version.slow), too_little_cpu],
        unless=[lambda e: _silent(e) and stands_still(e)],
        supposes=ALIVE | ROOM | DESCRIPTORS | REACHED,
        explains=NOK | SLOW,
        evidence=_cpu,
        remedy="give it more CPU, or a larger quota in cpu.max, or fewer clients",
        distinguished_by="its CPU time and quota",
    ),
    Cause(
        name="listen-queue",
        says="the broker does not accept connections that wait at its port",
        needs=[_silent, lambda e: e.port.not_accepted],
        unless=[stands_still, too_little_cpu],
        supposes=ALIVE | ROOM | DESCRIPTORS | REACHED,
        explains=NOK,
        evidence=_waiting,
        remedy="find out what its accepting thread waits for (a stack trace); try "
        "more threads with -reqPoolSize, a larger somaxconn",
        distinguished_by="its listen queue (ss -lnt)",
    ),
)


def _slow_client(e: Evidence) -> list[float]:
    """Return the latencies of the ordinary client's slow answers, in rows in which GET /version was right."""
    well = {answer.row.second for answer in e.version.answers if not answer.error}
    return [a.latency for client in (e.update, e.query) for a in client.slow if a.row.second in well]


def _how_slow(e: Evidence) -> str:
    rows = f"{len(e.version.slow)} of {len(e.version.answers)} rows"
    version = f"GET /version took {e.version.slowest:.0f} ms at worst in {rows}; none failed" if e.version.slow else ""
    took = _slow_client(e)
    client = f"the ordinary client's update or query took {max(took):.0f} ms at worst" if took else ""
    return "; ".join(filter(None, (version, client)))


def _slow_without_cpu(e: Evidence) -> bool | None:
    """Whether it was slow because it had no CPU; None: its host had none to spare, or it is not measured."""
    if too_little := too_little_cpu(e):
        return True if e.version.slow else None
    return None if e.host.busy else too_little


SLOWNESS = Cause(
    name="slow",
    says="the broker answers, but too slowly",
    needs=[lambda e: bool(e.version.slow or _slow_client(e))],
    unless=[
        lambda e: bool(e.version.nok),
        _slow_without_cpu,
        lambda e: bool(e.database.trouble) or len(e.database.hanging) > 1,
        cache_refresh,
        tester_busy,
    ],
    supposes=CPU | REACHED,
    last_resort=True,
    explains=SLOW | CLIENT,
    evidence=_how_slow,
    remedy="give it more CPU, fewer clients or a faster database, or raise --version-slo",
    distinguished_by="a run on a host that has CPU to spare",
)
