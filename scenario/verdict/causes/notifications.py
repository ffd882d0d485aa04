"""Causes that lie in how notifications are sent: queue, workers, mode, time limits, and the way to the listeners."""

from __future__ import annotations

from scenario.peers.command_line import SPARE_WORKERS
from scenario.verdict.causes.cause import Cause, stopped_answering
from scenario.verdict.symptoms import Symptoms


def _without_pool(seen: Symptoms) -> bool | None:
    return seen.mode != "threadpool" if seen.mode else None


def _own_pool(seen: Symptoms) -> bool:
    return seen.pool is not None and seen.pool.own


def _delay(seen: Symptoms) -> str:
    return "not told" if seen.delay is None else f"{seen.delay:g} s"


def _start_with(seen: Symptoms, needed: int) -> str:
    workers = needed + SPARE_WORKERS
    mode = f"...,{seen.hold.options.service}:60000:{workers}" if _own_pool(seen) else f"threadpool:60000:{workers}"
    return f"start the broker with -notificationMode {mode}"


def _resets(seen: Symptoms) -> str:
    return f"{seen.resets} connections were reset on its host" if seen.resets else "nobody counted resets"


NOTIFICATIONS = (
    Cause(
        "stale-cache",
        "the broker notified subscriptions that no longer exist: its cache had not let go of them",
        (lambda s: s.notified > s.expected + s.few,),
        lambda s: f"{s.notified} notifications for {s.expected} subscriptions",
        "give it a shorter -subCacheIval, or wait for its next refresh before the run",
    ),
    Cause(
        "queue",
        "the notification queue overflowed",
        (lambda s: s.rejected,),
        lambda s: f"{s.rejected} notifications rejected, {s.entered} queued, for {s.expected} subscriptions",
        lambda s: _start_with(s, s.expected),
        (_own_pool,),
    ),
    Cause(
        "service-pool",
        "the service has a pool of notification workers for itself, and that one is too small",
        (_own_pool, lambda s: s.rejected or (s.fell_short and s.backlog > 0), lambda s: s.workers < s.expected),
        lambda s: (
            f"{s.workers} workers for {s.expected} notifications: {s.held} held at one time, "
            f"{s.backlog} waited for a worker, {s.rejected} were rejected"
        ),
        lambda s: _start_with(s, s.expected),
        (stopped_answering, lambda s: s.out_of_descriptors),
    ),
    Cause(
        "workers",
        "the broker has too few notification workers",
        (lambda s: s.fell_short, lambda s: s.backlog > 0),
        lambda s: f"{s.held} of {s.wanted} held while {s.backlog} notifications waited for a worker",
        lambda s: _start_with(s, s.expected),
        (
            stopped_answering,
            lambda s: s.out_of_descriptors or s.rejected,
            _own_pool,
            lambda s: s.workers >= s.expected,
        ),
    ),
    Cause(
        "persistent",
        "the notification mode is persistent: all notifications share one connection",
        (lambda s: s.nearly_none_held, lambda s: s.queue_untold),
        lambda s: f"never more than {s.held} held, and the broker tells no queue",
        lambda s: _start_with(s, s.expected),
        (lambda s: s.unreachable,),
    ),
    Cause(
        "transient",
        "the notification mode is transient: a thread for each notification, and no queue to tell of",
        (lambda s: s.queue_untold, _without_pool),
        lambda s: f"{s.held} of {s.wanted} held, and GET /statistics never had notifQueue in {len(s.hold.rows)} rows",
        lambda s: f"{_start_with(s, s.expected)}, or run with --no-queue-size",
        (lambda s: s.nearly_none_held,),
        told_by="the broker's command line",
    ),
    Cause(
        "statistics",
        "the broker does not tell of its notification queue",
        (lambda s: s.queue_untold,),
        lambda s: f"GET /statistics never had notifQueue in {len(s.hold.rows)} rows",
        "start the broker with -statNotifQueue (it counts in mode threadpool only), or run with --no-queue-size",
        (_without_pool, lambda s: s.nearly_none_held),
    ),
    Cause(
        "network",
        "the way to the listeners failed: what was held was lost on it, though neither side had closed it",
        (lambda s: s.listener, lambda s: s.broker_gave_up or s.lost_on_the_way > s.few),
        lambda s: (
            f"{s.lost_on_the_way} notifications were answered, and their answers never reached the broker"
            if s.lost_on_the_way > s.few
            else f"{s.abandoned} had lost their sender by second {s.ended_at}, {s.sent_error} failed for the broker, "
            f"whose -httpTimeout is {s.http_timeout:g} s; {_resets(s)}"
        ),
        "see firewalls, NAT and proxies between them: their limits on connections that are silent, and their tables",
        (stopped_answering, lambda s: s.timed_out, lambda s: s.unreachable),
    ),
    Cause(
        "http-timeout",
        "the broker's -httpTimeout is shorter than the listener's delay",
        (lambda s: s.broker_gave_up, lambda s: s.timed_out),
        lambda s: f"it gave up {s.unanswered} notifications after {s.ended_at} s; the listener's delay is {_delay(s)}",
        "start the broker with -httpTimeout 600000, or more than the delay",
        (stopped_answering,),
    ),
    Cause(
        "listener-closes",
        "the listener closes without an answer",
        (lambda s: s.sent_error > s.few,),
        lambda s: (
            f"{s.sent_error} notifications failed after {s.ended_at} s, not by a timeout; {s.close_wait} CLOSE_WAIT"
        ),
        "a listener must answer: use python -m listener; the original does not when its -delay is above its -timeout",
        (
            stopped_answering, lambda s: s.broker_gave_up or s.fell_short, lambda s: s.unreachable,
            lambda s: s.never_arrived > s.few or s.taken >= s.expected - s.few - s.healthy_per_second,
        ),
    ),
)  # fmt: skip
