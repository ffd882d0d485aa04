"""Causes in the way an Orion notifies: queue, workers, mode, time limits, the way to the listeners."""

from __future__ import annotations

from scenario.settings.needs import SPARE_WORKERS
from scenario.verdict.causes.cause import ALIVE, DESCRIPTORS, HEALTHY, HELD, LOAD, MEASURED, OWN_COUNTS, Cause
from scenario.verdict.causes.peers import unreachable
from scenario.verdict.evidence import Evidence
from scenario.verdict.evidence.counters import above
from scenario.verdict.of_notifications import (
    answered_between,
    broker_gave_up,
    late_by_listener,
    lost_on_the_way,
    nearly_none_held,
    notified,
    repeated,
    starved,
    timed_out,
)


def _doubled(e: Evidence) -> bool:
    return notified(e) > e.load.expected + e.load.few


def _own_pool(e: Evidence) -> bool:
    return e.started.own_pool


def _enough_workers(e: Evidence) -> bool:
    return e.started.workers is not None and e.started.workers >= e.load.expected


def _lost(e: Evidence) -> bool | None:
    return above(lost_on_the_way(e), e.load.few)


def _failed(e: Evidence) -> bool | None:
    return above(e.queue.sent_error, e.load.few)


def _gave_up_or_lost(e: Evidence) -> bool | None:
    return broker_gave_up(e) or _lost(e) or False


def _answers_taken(e: Evidence) -> bool:
    """Whether the broker accepted nearly all answers of slow receivers, or some notifications never arrived."""
    few = e.load.few
    all_taken = above(e.way.taken, e.load.expected - few - e.load.healthy_per_second - 1)
    return bool(all_taken) or (e.listeners.never_arrived or 0) > few


def _delay(e: Evidence) -> str:
    return "not known" if e.listeners.delay is None else f"{e.listeners.delay:g} s"


def _timeout(e: Evidence) -> int:
    """Return a -httpTimeout in ms: the original's ten minutes, or twice what there is."""
    return max(600_000, round(2000 * max(e.started.http_timeout, e.listeners.delay or 0)))


def _more_workers(e: Evidence) -> str:
    workers = max(e.load.expected, e.started.workers or 0) + SPARE_WORKERS
    mode = f"...,{e.hold.options.broker.service}:60000:{workers}" if _own_pool(e) else f"threadpool:60000:{workers}"
    return f"start the broker with -notificationMode {mode}"


def _network(e: Evidence) -> str:
    if _lost(e):
        return f"{lost_on_the_way(e)} notifications were answered, and their answers never reached the broker"
    resets = f"{e.host.resets} connections were reset on its host" if e.host.resets else "no reset was counted"
    return (
        f"{e.listeners.abandoned} had lost their sender by second {e.way.ended_at}, {e.queue.sent_error or 0} failed "
        f"for the broker, whose -httpTimeout is {e.started.http_timeout:g} s; {resets}"
    )


NOTIFICATIONS = (
    Cause(
        name="stale-cache",
        says="the broker notified deleted subscriptions, because its cache still had them",
        needs=[_doubled],
        supposes=OWN_COUNTS,
        explains=LOAD,
        evidence=lambda e: f"{notified(e)} notifications for {e.load.expected} subscriptions",
        remedy="start the broker anew, or wait for the next refresh of its cache (-subCacheIval), before the run",
    ),
    Cause(
        name="queue",
        says="the notification queue overflowed",
        needs=[lambda e: e.queue.rejected],
        unless=[_own_pool],
        supposes=OWN_COUNTS,
        explains=HELD,
        evidence=lambda e: (
            f"{e.queue.rejected} notifications rejected, {e.queue.entered} queued, for {e.load.expected} subscriptions"
        ),
        remedy=_more_workers,
        distinguished_by="the notification queue: -statNotifQueue",
    ),
    Cause(
        name="service-pool",
        says="the service has its own pool of notification workers, and it is too small",
        needs=[
            _own_pool,
            lambda e: e.queue.rejected or (e.held.fell_short and e.queue.backlog),
            lambda e: not _enough_workers(e),
        ],
        supposes=ALIVE | OWN_COUNTS | DESCRIPTORS,
        explains=HELD,
        evidence=lambda e: (
            f"{e.started.workers} workers for {e.load.expected} notifications: {e.held.number} held at one time, "
            f"{e.queue.backlog} waited for a worker, {e.queue.rejected} were rejected"
        ),
        remedy=_more_workers,
        distinguished_by="the notification queue: -statNotifQueue",
    ),
    Cause(
        name="workers",
        says="the broker has too few notification workers",
        needs=[lambda e: e.held.fell_short, lambda e: e.queue.backlog],
        unless=[lambda e: bool(e.queue.rejected), _own_pool, _enough_workers],
        supposes=ALIVE | OWN_COUNTS | DESCRIPTORS,
        explains=HELD,
        evidence=lambda e: (
            f"{e.held.number} of {e.load.wanted} held while {e.queue.backlog} notifications waited for a worker"
        ),
        remedy=_more_workers,
        distinguished_by="the notification queue: -statNotifQueue",
    ),
    Cause(
        name="persistent",
        says="the notification mode is persistent: all notifications share one connection",
        needs=[nearly_none_held, lambda e: e.queue.unreported],
        unless=[unreachable],
        supposes=OWN_COUNTS,
        explains=HELD | MEASURED,
        evidence=lambda e: f"never more than {e.held.number} held, and GET /statistics has no queue",
        remedy=_more_workers,
    ),
    Cause(
        name="transient",
        says="the notification mode is transient: one thread per notification, and no queue in GET /statistics",
        needs=[lambda e: e.queue.unreported, lambda e: e.started.without_pool],
        unless=[nearly_none_held],
        supposes=OWN_COUNTS,
        explains=MEASURED,
        evidence=lambda e: (
            f"{e.held.number} of {e.load.wanted} held, and GET /statistics never had notifQueue "
            f"in {len(e.hold.rows)} rows"
        ),
        remedy=lambda e: f"{_more_workers(e)}, or run with --no-queue-size",
        distinguished_by="the broker's command line",
    ),
    Cause(
        name="statistics",
        says="the broker does not report its notification queue",
        needs=[lambda e: e.queue.unreported],
        unless=[lambda e: e.started.without_pool, nearly_none_held],
        supposes=OWN_COUNTS,
        explains=MEASURED,
        evidence=lambda e: f"GET /statistics never had notifQueue in {len(e.hold.rows)} rows",
        remedy=lambda e: (
            "run with --no-queue-size: it was started with -statNotifQueue, and tells no queue"
            if "-statNotifQueue" in e.hold.found.command_line.words
            else "start the broker with -statNotifQueue, which needs mode threadpool, or run with --no-queue-size"
        ),
    ),
    Cause(
        name="network",
        says="the network to the listeners failed: notifications were lost, and neither side closed the connection",
        needs=[lambda e: bool(e.listeners.samples), _gave_up_or_lost],
        unless=[
            timed_out,
            unreachable,
            lambda e: answered_between(e) or repeated(e) or False,
        ],
        supposes=ALIVE | OWN_COUNTS,
        explains=LOAD | HELD,
        evidence=_network,
        remedy="check firewalls, NAT and proxies between them: their limits for silent connections, and their tables",
    ),
    Cause(
        name="http-timeout",
        says="the broker's -httpTimeout is shorter than the listener's delay",
        needs=[lambda e: broker_gave_up(e) or False, timed_out],
        supposes=ALIVE | OWN_COUNTS,
        explains=LOAD | HELD,
        evidence=lambda e: (
            f"it gave up {e.way.unanswered} notifications after {e.way.ended_at} s; the listener's delay is {_delay(e)}"
        ),
        remedy=lambda e: f"start the broker with -httpTimeout {_timeout(e)}, which is more than the delay",
    ),
    Cause(
        name="listener-closes",
        says="the listener closes connections without an answer",
        needs=[lambda e: _failed(e) or False],
        unless=[
            lambda e: bool(broker_gave_up(e)) or (bool(e.held.fell_short) and e.listeners.never_arrived is None),
            unreachable,
            _answers_taken,
        ],
        supposes=ALIVE | OWN_COUNTS | DESCRIPTORS,
        explains=LOAD | HELD,
        outside=True,
        evidence=lambda e: (
            f"{e.queue.sent_error} notifications failed after {e.way.ended_at} s, not by a timeout; "
            f"{e.process.close_wait or 0} CLOSE_WAIT"
        ),
        remedy="use python -m listener, because a listener must answer; "
        "the original does not if its -delay is above its -timeout",
    ),
)

STARVED = Cause(
    name="starved",
    says="healthy subscribers wait for a notification worker, behind the slow receivers",
    needs=[starved, lambda e: e.queue.backlog],
    unless=[
        lambda e: above(e.started.workers, e.load.expected + e.load.healthy_per_second - 1) or False,
        late_by_listener,
    ],
    supposes=ALIVE | DESCRIPTORS,
    explains=HEALTHY,
    evidence=lambda e: (
        f"the slowest waited {e.healthy.latest / 1000:.1f} s ({len(e.healthy.late)} rows late); "
        f"{e.held.number} notifications held, {e.queue.backlog} queued"
    ),
    remedy=lambda e: (
        f"{_more_workers(e)}, give the service that suffers a pool of its own, "
        "or the slow subscriptions a shorter timeout"
    ),
    distinguished_by="the notification queue: -statNotifQueue",
)
