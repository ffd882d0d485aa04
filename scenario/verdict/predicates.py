"""What several witnesses show together: each a question to the evidence; None where what it takes was not measured."""

from __future__ import annotations

from itertools import takewhile

from scenario.peers.failures import Kind
from scenario.verdict.evidence import Evidence
from scenario.verdict.evidence.clients import stopped
from scenario.verdict.evidence.counters import above
from scenario.verdict.evidence.process import seen_at
from scenario.verdict.thresholds import BUSY, HELD_SHARE, STILL, THROTTLED

# The broker's process


def gone_since(e: Evidence) -> int | None:
    """Return the second from which on every connection was refused, to the last row; None when it is not so."""
    answers = e.version.answers
    refused = list(takewhile(lambda answer: answer.failure == Kind.REFUSED, reversed(answers)))
    return refused[-1].second if refused and len(refused) < len(answers) else None


def died(e: Evidence) -> bool:
    """Whether the broker is gone, for good."""
    return gone_since(e) is not None


def restarted(e: Evidence) -> bool:
    """Whether the process was replaced. Where nobody looks into it: its counters began anew, and it lost what it had.

    Another broker behind the same name has counters of its own, too, but loses nothing.
    """
    refused = bool(e.version.failed({Kind.REFUSED}))
    lost = refused or not e.listeners.samples or above(e.listeners.abandoned, e.load.few)
    began_anew = not e.process.pids and e.queue.fell and bool(lost)
    return not died(e) and (len(e.process.pids) > 1 or began_anew)


def process_gone(e: Evidence) -> bool:
    """Whether the broker was gone, or another process, for a part of the run."""
    return died(e) or restarted(e)


def was_stopped(e: Evidence) -> bool:
    """Whether the process was seen to be stopped in a row in which it answered nobody."""
    nobody = [a.row for a in e.version.silent if a.row.queue is None or a.row.queue.error]
    return any(map(stopped, nobody))


def stands_still(e: Evidence) -> bool | None:
    """Whether the process did nothing in the silent rows: spent no CPU; where that is not measured, opened nothing.

    One that goes on answering on connections that were open before does something.
    """
    if was_stopped(e):
        return True
    if e.queue.silent is False:
        return False
    spent = e.process.cpu_in({answer.row.second for answer in e.version.silent[1:]})
    if spent is not None:
        return spent < STILL
    figures = [(sample.fds, sample.threads, sample.nofile) for sample in seen_at(e.version.silent)]
    return len(set(figures)) == 1 if len(figures) > 1 else None


def too_little_cpu(e: Evidence) -> bool | None:
    """Whether the broker used all the CPU that it could get while clients suffered."""
    spent = e.process.cpu_in(e.suffering)
    if e.process.throttled_in(e.suffering) > THROTTLED or (e.host.busy and (spent is None or spent > STILL)):
        return True  # one that asks for none lacks none, however busy its host is
    if spent is None:
        return None
    return spent >= BUSY * e.process.cpus or (e.process.always_ready_in(e.suffering) and spent > STILL)


def no_thread_for_a_connection(e: Evidence) -> bool | None:
    """Whether a connection may be closed because there is no thread for it: only where each has one."""
    return False if e.started.pool_of_requests else e.limits.out_of_threads


# Notifications


def nearly_none_held(e: Evidence) -> bool:
    """Whether there never was more than a connection per listener: all notifications share it."""
    most = e.listeners.held if e.listeners.held is not None else e.held.number
    return 0 < most <= len(e.listeners.addresses) < e.load.wanted


def too_few_arrived(e: Evidence) -> bool | None:
    """Whether listeners ran out of descriptors: what they did not take waits in the kernel's accept queue."""
    if not e.listeners.pauses or e.listeners.accepted is None:
        return False
    return e.listeners.accepted < HELD_SHARE * min(e.held.number, e.load.wanted)


def notified(e: Evidence) -> int:
    """Return the subscriptions that the update notified, as the listeners know, or as queue and connections tell."""
    if e.listeners.notified is not None:
        return e.listeners.notified
    return max((e.queue.entered or 0) - e.healthy.sent, e.listeners.held or 0)


def timed_out(e: Evidence) -> bool:
    """Whether those without an answer had had the time that -httpTimeout gives them; rows tell it to a second."""
    return e.way.ended_at + 1 >= e.started.http_timeout


def broker_gave_up(e: Evidence) -> bool | None:
    """Whether it was the broker that ended notifications without an answer, because their time was over.

    The listeners know who left them. Where they do not tell, the command line does: -httpTimeout was over.
    """
    if e.listeners.samples:
        return above(e.listeners.abandoned, e.load.few)
    failed = above(e.queue.sent_error, e.load.few)
    return failed and timed_out(e)


def lost_on_the_way(e: Evidence) -> int | None:
    """Return the listeners' answers that never reached the broker, unless that may have had no CPU to take them."""
    return 0 if e.version.silent or too_little_cpu(e) else e.way.answers_lost


def no_worker_left(e: Evidence) -> bool:
    """Whether the slow receivers took all workers: by the command line, else by a queue behind all of them."""
    if e.started.workers is not None:
        return e.started.workers <= max(e.load.expected, notified(e))
    return e.held.number >= HELD_SHARE * e.load.wanted and bool(e.queue.backlog)


def healthy_judged(e: Evidence) -> bool:
    """Whether healthy subscribers are judged when late: the original's own start leaves no worker for them."""
    return e.hold.options.judges_starved or not no_worker_left(e)


def starved(e: Evidence) -> bool:
    """Whether healthy subscribers were late in too many rows, and are judged."""
    return len(e.healthy.late) > e.hold.options.max_nok and healthy_judged(e)


def foreign_counts(e: Evidence) -> str:
    """Say what shows that another process than the one that is counted had a part in it; empty when nothing does."""
    if e.port.also_listening:
        return f"{e.port.also_listening + 1} processes listen at the broker's port"
    if process_gone(e):
        return ""  # another process, with counters of its own
    if e.queue.fell:
        there = f"process {e.process.pids[0]} was there all the time" if e.process.pids else "no notification was lost"
        return f"the queue's counters fell, although {there}"
    last, queue = e.listeners.of_update, e.queue
    if last is None or not last.notifications or not queue.samples or too_few_arrived(e) or e.listeners.unreachable:
        return ""
    most = queue.entered or 0
    sure = most - queue.backlog_at_end - (queue.sent_error or 0) - (queue.rejected or 0) - _of_clients(e)
    before = [s for s in e.listeners.samples if s.update == last.update and s.second < queue.samples[-1].second]
    counted_by_then = before[-1].notifications or 0 if before else 0
    if most < counted_by_then - e.load.few or sure > last.notifications + e.load.few:
        return f"the broker says that it queued {most} notifications, and the listeners had {last.notifications}"
    return ""


def _of_clients(e: Evidence) -> int:
    """Return how many notifications the updates of the ordinary client may have triggered."""
    rows = e.hold.rows
    return (rows[-1].second - rows[0].second + 1) * e.load.healthy_per_second if e.hold.options.client else 0
