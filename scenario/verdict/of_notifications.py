"""Questions about the notifications that several witnesses answer. None: not measured."""

from __future__ import annotations

from scenario.peers.failures import Kind
from scenario.verdict.evidence import Evidence
from scenario.verdict.evidence.counters import above, either
from scenario.verdict.of_broker import process_gone, too_little_cpu
from scenario.verdict.thresholds import HELD_SHARE, LISTENER_SILENT


def nearly_none_held(e: Evidence) -> bool:
    """Whether there was never more than one connection per listener, shared by all notifications."""
    most = e.listeners.held if e.listeners.held is not None else e.held.number
    return 0 < most <= len(e.listeners.addresses) < e.load.wanted


def too_few_arrived(e: Evidence) -> bool | None:
    """Whether listeners ran out of descriptors. Other connections then wait in the kernel's accept queue."""
    if not e.listeners.pauses or e.listeners.accepted is None:
        return False
    return e.listeners.accepted < HELD_SHARE * min(e.held.number, e.load.wanted)


def notified(e: Evidence) -> int:
    """Return the number of notified subscriptions, from the listeners, or from queue and connections."""
    if e.listeners.notified is not None:
        return e.listeners.notified
    return max((e.queue.entered or 0) - e.healthy.sent, e.listeners.held or 0)


def timed_out(e: Evidence) -> bool:
    """Whether notifications without an answer ended after the broker's time limit, to within a second."""
    return e.way.ended_at + 1 >= e.started.http_timeout


def broker_gave_up(e: Evidence) -> bool | None:
    """Whether the broker ended notifications without an answer, because their time was over.

    The listeners know who closed. Without their statistics, the time limit on its command line decides.
    """
    if e.listeners.samples:
        return above(e.listeners.abandoned, e.load.few)
    failed = above(e.queue.sent_error, e.load.few)
    return failed and timed_out(e)


def lost_on_the_way(e: Evidence) -> int | None:
    """Return the listeners' answers that never reached the broker, unless it may have lacked CPU to read them."""
    return 0 if e.version.silent or too_little_cpu(e) else e.way.answers_lost


def no_worker_left(e: Evidence) -> bool:
    """Whether the slow receivers occupied all workers, from the command line or from a queue."""
    if e.started.workers is not None:
        return e.started.workers <= max(e.load.expected, notified(e))
    return e.held.number >= HELD_SHARE * e.load.wanted and bool(e.queue.backlog)


def healthy_judged(e: Evidence) -> bool:
    """Whether late healthy subscribers are judged. Started as in the original test, Orion has no worker for them."""
    return e.hold.options.judges_starved or not no_worker_left(e)


def late_by_listener(e: Evidence) -> bool:
    """Whether healthy subscribers were late only while the listener did not answer Locust either."""
    silent = {row.second for row in e.hold.rows if row.listener and Kind.NO_ANSWER in row.listener.failures.values()}
    near = {second + after for second in silent for after in range(LISTENER_SILENT + 1)}
    return bool(silent and e.healthy.late) and all(sample.second in near for sample in e.healthy.late)


def several_listeners(e: Evidence) -> bool | None:
    """Whether different listeners answered in turn; None: more is held than the listener reports."""
    if e.listeners.several:
        return True
    return None if _held_elsewhere(e) and not e.listeners.tells_ids else False


def _held_elsewhere(e: Evidence) -> bool | None:
    return above(e.way.held_elsewhere, e.load.few)


def answered_between(e: Evidence) -> bool | None:
    """Whether something between the broker and the listeners answered in their stead."""
    return above(e.way.answered_between, e.load.few)


def repeated(e: Evidence) -> bool | None:
    """Whether something between the broker and the listeners sent notifications again."""
    return above(e.way.repeated, e.load.few)


def late(e: Evidence) -> bool:
    """Whether healthy subscribers were late in too many rows."""
    return len(e.healthy.late) > e.hold.options.limits.max_nok


def starved(e: Evidence) -> bool:
    """The same, if it is judged."""
    return late(e) and healthy_judged(e)


def unreached_listeners(e: Evidence) -> bool | None:
    """Whether the broker could not reach listeners that Locust reached: its connections failed or hung."""
    missing = e.listeners.never_arrived
    if missing is None or missing <= e.load.few or e.listeners.unreachable or not e.listeners.samples:
        return None if missing is None and not e.listeners.samples else False
    if e.process.unresolved:
        return True
    connecting, failed = above(e.process.connecting, e.load.few), above(e.queue.sent_error, missing - e.load.few - 1)
    return either(connecting, failed)


def foreign_counts(e: Evidence) -> str:
    """Return the evidence that a process other than the counted one took part, or ""."""
    if e.port.also_listening:
        return f"{e.port.also_listening + 1} processes listen at the broker's port"
    if process_gone(e):
        return ""  # another process, with counters of its own
    counted = max(e.held.connections.values(), default=None)
    if counted is not None and e.process.samples and (e.listeners.held or 0) > counted + e.load.few:
        return f"the listeners held {e.listeners.held} notifications, and the process that is counted {counted}"
    if e.queue.fell:
        there = f"process {e.process.pids[0]} was there all the time" if e.process.pids else "no notification was lost"
        return f"the queue's counters fell, although {there}"
    return "" if _explains_the_listeners_count(e) else _unlike_the_listeners_count(e)


def _explains_the_listeners_count(e: Evidence) -> bool:
    """Whether the listeners' count differs from the broker's for another reason."""
    missing = too_few_arrived(e) or e.listeners.unreachable or e.listeners.several
    return bool(missing or repeated(e) or _held_elsewhere(e) or answered_between(e))


def _unlike_the_listeners_count(e: Evidence) -> str:
    last, queue = e.listeners.of_update, e.queue
    if last is None or not last.notifications or not queue.samples:
        return ""
    most = queue.entered or 0
    sure = most - queue.backlog_at_end - (queue.sent_error or 0) - (queue.rejected or 0) - _of_clients(e)
    before = [s for s in e.listeners.samples if s.update == last.update and s.second < queue.samples[-1].second]
    counted_by_then = before[-1].notifications or 0 if before else 0
    if most < counted_by_then - e.load.few or sure > last.notifications + e.load.few:
        return f"the broker says that it queued {most} notifications, and the listeners had {last.notifications}"
    return ""


def _of_clients(e: Evidence) -> int:
    """Return the most notifications that the ordinary client's updates can have triggered."""
    rows = e.hold.rows
    return (rows[-1].second - rows[0].second + 1) * e.load.healthy_per_second if e.hold.options.probes.client else 0
