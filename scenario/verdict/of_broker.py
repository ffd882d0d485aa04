"""Questions about the broker that several witnesses answer. None: not measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile
from statistics import median

from scenario.peers import kind_of
from scenario.peers.failures import Kind
from scenario.run.results import Row
from scenario.run.samples import ConnectionSample
from scenario.verdict.evidence import Evidence
from scenario.verdict.evidence.clients import SILENT, stopped
from scenario.verdict.evidence.counters import above
from scenario.verdict.evidence.process import seen_at
from scenario.verdict.thresholds import BUSY, MOSTLY, REFRESH_LONGEST, STILL, THROTTLED

UNREACHED = frozenset({Kind.NO_CONNECTION, Kind.NO_ANSWER, Kind.REFUSED, Kind.GATEWAY})
_GONE = (Kind.NO_PROCESS, Kind.KILLED_FOR_MEMORY, Kind.KILLED_ON_HOST)


def gone_since(e: Evidence) -> int | None:
    """Return the second from which the process was gone to the last row; None if it was not.

    The inspector has the last word, whatever a gateway answers in the broker's stead. Where it saw nothing at all,
    every connection was refused.
    """
    rows = e.hold.rows
    if e.process.samples:
        missing = list(takewhile(lambda row: _failure(row) in _GONE, reversed(rows)))
        return missing[-1].since_trigger if missing else None
    refused = list(takewhile(lambda answer: answer.failure == Kind.REFUSED, reversed(e.version.answers)))
    return refused[-1].second if refused and len(refused) < len(e.version.answers) else None


def _failure(row: Row) -> Kind | None:
    return row.connections.failure if row.connections else None


def died(e: Evidence) -> bool:
    """Whether the broker is gone at the end."""
    return gone_since(e) is not None


def restarted(e: Evidence) -> bool:
    """Whether the process was replaced. Without an inspector: its counters restarted, and it lost its notifications.

    Another broker behind the same name also has other counters, but loses nothing.
    """
    refused = bool(e.version.failed({Kind.REFUSED}))
    lost = refused or not e.listeners.samples or above(e.listeners.abandoned, e.load.few)
    began_anew = not e.process.pids and e.queue.fell and bool(lost)
    return not died(e) and (len(e.process.pids) > 1 or began_anew)


def process_gone(e: Evidence) -> bool:
    """Whether the broker was gone, or another process, for a part of the run."""
    return died(e) or restarted(e)


def was_stopped(e: Evidence) -> bool:
    """Whether the process was stopped in a row without any answer. (A cache may answer for it.)"""
    silent = [*e.version.silent, *e.update.failed({*SILENT, Kind.GATEWAY})]
    return any(stopped(a.row) for a in silent if a.row.queue is None or a.row.queue.error)


def threads_taken(e: Evidence) -> bool:
    """Whether at least as many updates are worked off as the server has threads, which also notify and wait."""
    threads = kind_of(e.hold.options).server_threads
    return threads is not None and e.hold.options.load.updates >= threads and not was_stopped(e)


def stands_still(e: Evidence) -> bool | None:
    """Whether the process did nothing in the silent rows: it used no CPU or, if not measured, opened nothing.

    A process that still answers on older connections does something.
    """
    if was_stopped(e):
        return True
    if threads_taken(e) or e.queue.silent is False:
        return False
    seen = seen_at(e.version.silent)
    if seen and not any(sample.listen_queue is None or sample.listen_queue or _asleep(sample) for sample in seen):
        return False  # nothing waited for it
    if (spent := cpu_while_silent(e)) is not None:
        return spent < STILL
    figures = [(sample.fds, sample.threads, sample.nofile) for sample in seen]
    return len(set(figures)) == 1 if len(figures) > 1 else None


def cpu_while_silent(e: Evidence) -> float | None:
    """Return the CPUs that the process kept busy in the silent rows but the first, before which it still worked."""
    return e.process.cpu_in({answer.row.second for answer in e.version.silent[1:]})


def _asleep(sample: ConnectionSample) -> bool:
    """Whether the process was stopped (T), or waited for a disk (D)."""
    return sample.state[:1] in ("T", "D")


def too_little_cpu(e: Evidence) -> bool | None:
    """Whether the broker used all available CPU while clients suffered."""
    spent = e.process.cpu_in(e.suffering)
    if e.process.throttled_in(e.suffering) > THROTTLED:
        return True
    if spent is None:
        return None
    if e.host.busy and not neighbours_busy(e):
        return True
    ready = e.process.always_ready_in(e.suffering) and not e.host.busy
    return spent >= BUSY * e.process.cpus or (ready and spent > STILL)


def waited(e: Evidence) -> bool:
    """Whether clients only waited. Missing CPU does not refuse or close connections at once."""
    return all(answer.failure == Kind.NO_ANSWER for client in e.clients for answer in client.nok)


def tester_busy(e: Evidence) -> bool:
    """Whether Locust could not send or read in time: its event loop was late, or its own host had no CPU to spare.

    It may then report a connection as missing that it only noticed late.
    """
    failures = {answer.failure for client in e.clients for answer in client.nok}
    late = e.tester.let_wait or (e.tester.busy and not e.host.busy)
    return late and failures <= {Kind.NO_ANSWER, Kind.NO_CONNECTION}


def neighbours_busy(e: Evidence) -> bool:
    """Whether the broker's host had no CPU to spare while clients suffered, and others took most of it."""
    return e.host.busy and (e.process.cpu_in(e.suffering) or 0) < MOSTLY * e.host.cpus


def no_thread_for_a_connection(e: Evidence) -> bool | None:
    """Whether connections may be closed because threads are missing: only if each connection has one."""
    return False if e.started.pool_of_requests else e.limits.out_of_threads


def long_wait(e: Evidence) -> bool:
    """Whether the ordinary client waited longer than a refresh or a busy host explains."""
    hanging = _episodes(row.second for row in e.database.hanging)
    return any(len(each) > REFRESH_LONGEST for each in hanging)


def cache_refresh(e: Evidence) -> bool | None:
    """Whether clients waited while the broker refreshed its subscription cache; None: not measured.

    Orion writes the counters of all subscriptions at the first refresh after they were notified, and at the first after
    their answers; with the update's own that makes three times at most, each for a few seconds.
    """
    waits = _episodes(e.database.waited)
    if not waits or e.version.nok or len(waits) > 3 or any(len(each) > REFRESH_LONGEST for each in waits):
        return False
    refreshed = e.queue.refresh_waits
    if refreshed is None:
        return None
    return all(any(each[0] <= second <= each[-1] + REFRESH_LONGEST for second in refreshed) for each in waits)


def refresh_seen_at(e: Evidence, second: int) -> bool:
    """Whether a client began to wait shortly before a second (s since the epoch) with a refresh."""
    return any(begun <= second <= begun + REFRESH_LONGEST for begun in e.database.waited)


def _episodes(seconds: Iterable[int]) -> list[list[int]]:
    """Return consecutive seconds in groups."""
    found: list[list[int]] = []
    for second in sorted(seconds):
        if found and second <= found[-1][-1] + 1:
            found[-1].append(second)
        else:
            found.append([second])
    return found


def nothing_reached(e: Evidence) -> bool | None:
    """Whether requests did not reach the broker: it was alive, idle, and nothing waited at its port in the NOK rows."""
    nok = e.version.failed(UNREACHED)
    if not nok or len(nok) < len(e.version.nok):
        return False
    seen = seen_at(nok)
    if len(seen) < len(nok) or any(_asleep(sample) for sample in seen):
        return False
    spent = e.process.cpu_in({answer.row.second for answer in nok})
    if spent is not None and spent > MOSTLY * e.process.cpus:
        return False
    if any(sample.listen_queue is None for sample in seen):
        return None
    if any(sample.listen_queue for sample in seen):
        return False
    return True if all(answer.failure != Kind.NO_ANSWER for answer in nok) else _no_more_inbound(e, seen)


def _no_more_inbound(e: Evidence, seen: Sequence[ConnectionSample]) -> bool | None:
    """Whether requests without an answer had no connection to the broker either."""
    well = seen_at([answer for answer in e.version.answers if not answer.error and answer.second >= 0])
    then, else_ = ([s.inbound for s in samples if s.inbound is not None] for samples in (seen, well))
    return median(then) <= median(else_) if then and else_ else None
