"""Symptoms -> named causes: a table, the most specific first.

A cause holds when all the symptoms it needs are there, and none that it excludes. How each looks was measured on Orion
3.10.1, and on a variant of it with a select() server; `sh setup_scripts/rehearse.sh --cause NAME` shows each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from scenario.preflight.checks import SPARE
from scenario.run.results import Diagnosis
from scenario.verdict.symptoms import Symptoms

Symptom = Callable[[Symptoms], object]


@dataclass(frozen=True)
class Cause:
    """One line of the table."""

    name: str
    sentence: str
    needs: tuple[Symptom, ...]
    evidence: Callable[[Symptoms], str]
    remedy: Callable[[Symptoms], str] | str
    excludes: tuple[Symptom, ...] = ()

    def holds(self, seen: Symptoms) -> bool:
        """Tell whether the symptoms are there."""
        return all(symptom(seen) for symptom in self.needs) and not any(symptom(seen) for symptom in self.excludes)

    def diagnosis(self, seen: Symptoms) -> Diagnosis:
        """Return the cause with this run's figures."""
        remedy = self.remedy if isinstance(self.remedy, str) else self.remedy(seen)
        return Diagnosis(self.name, self.sentence, self.evidence(seen), remedy)


def diagnose(seen: Symptoms) -> tuple[Diagnosis, ...]:
    """Return the causes that hold; "unknown", with what was seen, when none does."""
    causes = tuple(cause.diagnosis(seen) for cause in CAUSES if cause.holds(seen))
    return causes or (UNKNOWN.diagnosis(seen),)


def _stopped_answering(seen: Symptoms) -> bool:
    return seen.died or seen.restarted


def _without_pool(seen: Symptoms) -> bool:
    return bool(seen.mode) and not seen.mode.startswith("threadpool")


def _counted(errors: Counter[str]) -> str:
    return ", ".join(f"{error} in {count} rows" for error, count in errors.items())


def _delay(seen: Symptoms) -> str:
    return "not told" if seen.delay is None else f"{seen.delay:g} s"


def _limit(seen: Symptoms) -> str:
    return "unlimited" if seen.process and seen.nofile is None else str(seen.nofile or "unknown")


CAUSES = (
    Cause(
        "broker-restarts",
        "the broker was restarted in mid-run",
        (lambda s: s.restarted,),
        lambda s: f"its process was {', then '.join(s.pids) or 'another'}; what the first one held is lost",
        "its log and dmesg tell why it ended",
    ),
    Cause(
        "broker-dies",
        "the broker died in mid-run",
        (lambda s: s.died,),
        lambda s: f"connections are refused from second {s.gone_since} on, with {min(s.held, s.expected)} held before",
        "its log and dmesg (out of memory?) tell why it ended",
    ),
    Cause(
        "database-down",
        "the broker's database does not answer",
        (lambda s: s.database_trouble,),
        lambda s: f"{s.database_trouble}",
        "start it, and see that the broker's -dbhost (-dbURI) and --mongo name the same one",
    ),
    Cause(
        "multiservice",
        "the broker keeps the subscriptions elsewhere than in the service's database, so they pile up run after run",
        (lambda s: s.hold.progress.left,),
        lambda s: f"{s.hold.progress.left} are left after its database was dropped",
        "start the broker with -multiservice; if it has it, --mongo names another database than its own",
    ),
    Cause(
        "privilege",
        "the inspector may not look into the broker's process",
        (lambda s: s.unprivileged,),
        lambda s: f"it said so in {len(s.unprivileged)} of {len(s.hold.rows)} rows",
        "run it as the user that runs the broker, as in sudo -u orion python3 connection_inspector.py",
    ),
    Cause(
        "listener-down",
        "a listener is down or cannot be reached",
        (lambda s: s.unreachable,),
        lambda s: f"{_counted(s.unreachable)}; {s.sent_error} notifications failed",
        "start it (python -m listener -delay 5m) where --notify-url says",
    ),
    Cause(
        "listener-nofile",
        "the listener ran out of file descriptors, before the broker did",
        (lambda s: s.listener_took_too_few,),
        lambda s: (
            f"it took {s.accepted} of the {s.held} connections that the broker holds; accept failed {s.pauses} times"
        ),
        lambda s: f"start it after ulimit -n {s.wanted + SPARE}",
    ),
    Cause(
        "select",
        "the broker's server uses select(), which cannot watch descriptors from FD_SETSIZE, number 1024, on",
        (lambda s: s.closed_at_once, lambda s: s.low_numbers_taken, lambda s: s.fds >= 1024),
        lambda s: (
            f"{len(s.closed_at_once)} of {len(s.probed)} rows closed without an answer, "
            f"at most {s.free_low} of the numbers below 1024 free in them, {s.fds} of {_limit(s)} descriptors open"
        ),
        "use a broker whose server uses poll() or epoll(): Orion after 1.4.3, libmicrohttpd with MHD_USE_EPOLL",
        (_stopped_answering, lambda s: s.out_of_descriptors),
    ),
    Cause(
        "nofile",
        "the broker ran out of file descriptors",
        (lambda s: s.out_of_descriptors, lambda s: s.fell_short or s.nok),
        lambda s: f"{s.fds} of {_limit(s)} open with {s.held} of {s.wanted} notifications held, {s.fds_each:.1f} each",
        lambda s: f"start it after ulimit -n {s.fds_needed}",
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
        (_stopped_answering, lambda s: s.out_of_descriptors or s.broker_gave_up, lambda s: s.unreachable),
    ),
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
        lambda s: f"{s.rejected} of {s.expected} notifications rejected, {s.entered} queued",
        lambda s: f"start the broker with -notificationMode threadpool:60000:{s.expected}",
    ),
    Cause(
        "workers",
        "the broker has too few notification workers",
        (lambda s: s.fell_short, lambda s: s.backlog > 0),
        lambda s: f"{s.held} of {s.wanted} held while {s.backlog} notifications waited for a worker",
        lambda s: f"start it with -notificationMode threadpool:60000:{s.expected}",
        (_stopped_answering, lambda s: s.out_of_descriptors),
    ),
    Cause(
        "persistent",
        "the notification mode is persistent: all notifications share one connection",
        (lambda s: s.nearly_none_held, lambda s: s.queue_untold),
        lambda s: f"never more than {s.held} held, and the broker tells no queue",
        lambda s: f"start the broker with -notificationMode threadpool:60000:{s.expected}",
    ),
    Cause(
        "transient",
        "the notification mode is transient: a thread for each notification, and no queue to tell of",
        (lambda s: s.queue_untold, _without_pool),
        lambda s: f"{s.held} of {s.wanted} held, and GET /statistics never had notifQueue in {len(s.hold.rows)} rows",
        lambda s: f"start the broker with -notificationMode threadpool:60000:{s.expected}, or run with --no-queue-size",
        (lambda s: s.nearly_none_held,),
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
        "http-timeout",
        "the broker's -httpTimeout is shorter than the listener's delay",
        (lambda s: s.broker_gave_up,),
        lambda s: f"it gave up {s.unanswered} notifications after {s.ended_at} s; the listener's delay is {_delay(s)}",
        "start the broker with -httpTimeout 600000, or more than the delay",
        (_stopped_answering,),
    ),
    Cause(
        "listener-closes",
        "the listener closes without an answer",
        (lambda s: s.sent_error > s.few,),
        lambda s: (
            f"{s.sent_error} notifications failed after {s.ended_at} s, not by a timeout; {s.close_wait} CLOSE_WAIT"
        ),
        "a listener must answer: use python -m listener; the original does not when its -delay is above its -timeout",
        (_stopped_answering, lambda s: s.broker_gave_up or s.fell_short, lambda s: s.unreachable),
    ),
    Cause(
        "slow",
        "the broker answers, but too slowly",
        (lambda s: s.slow,),
        lambda s: (
            f"GET /version took {s.slowest:.0f} ms at worst in {len(s.slow)} of {len(s.probed)} rows; none failed"
        ),
        "give it more CPU, fewer other clients, a faster database; or a --version-slo that fits it",
        (lambda s: s.nok,),
    ),
)

UNKNOWN = Cause(
    "unknown",
    "unknown: no known cause fits",
    (),
    lambda s: (
        f"{s.held} of {s.wanted} held, {len(s.nok)} of {len(s.probed)} rows NOK, {s.fds} of {_limit(s)} descriptors, "
        f"{s.entered} queued, {s.sent_error} failed"
    ),
    "the broker's log, and the evidence taken at the first NOK",
)
