"""Did every notification go out once? The listeners know: a notification tells its update and its subscription."""

from __future__ import annotations

from scenario.run.samples import ListenerSample
from scenario.verdict.answered import Reasons
from scenario.verdict.held import Hold
from scenario.verdict.outcomes import FAIL, INCONCLUSIVE, PASS
from scenario.verdict.symptoms import Symptoms


def told(hold: Hold) -> ListenerSample | None:
    """Return what the listeners told last of the hold's update; of another one it is 0. None: they never told any."""
    samples = [row.listener for row in hold.rows if row.listener and row.listener.update is not None]
    update = hold.progress.update
    if update is None or not samples:
        return None
    known = [sample for sample in samples if sample.update == update.number]
    return known[-1] if known else ListenerSample(0, 0.0, notifications=0, notified=0, doubled=0)


def notified(hold: Hold) -> Reasons:
    """Judge it."""
    last = told(hold)
    if last is None or last.notified is None or last.doubled is None:
        return
    seen = Symptoms(hold)
    if last.notified > seen.expected + seen.few:
        return  # some are none of the run's: that is a matter of the load
    once, missing = last.notified - last.doubled, max(0, seen.expected - last.notified)
    waiting = min(missing, _backlog(hold))
    parts = [f"notified: {once} of {seen.expected} subscriptions were notified once"]
    parts += [f"{last.doubled} more than once"] * bool(last.doubled)
    parts += [f"{waiting} still waited for a worker at the end"] * bool(waiting)
    parts += [f"{missing - waiting} were not"] * (missing > waiting)
    unsure = hold.progress.missing or hold.progress.interrupted or seen.listener_took_too_few or seen.unreachable
    outcome = PASS if once >= seen.expected else INCONCLUSIVE if unsure else FAIL
    yield outcome, ", ".join(parts)
    if foreign := foreign_counts(hold):
        yield INCONCLUSIVE, f"counts: {foreign}"


def foreign_counts(hold: Hold) -> str:
    """Say what shows that another process than the one that is counted had a part in it; nothing when nothing does."""
    seen, last = Symptoms(hold), told(hold)
    others = max((sample.also_listening or 0 for sample in seen.process), default=0)
    if others:
        return f"{others + 1} processes listen at the broker's port"
    if seen.restarted or seen.died:
        return ""  # another process, with counters of its own
    if seen.counters_fell:
        there = f"process {seen.pids[0]} was there all the time" if seen.pids else "nothing that was held was lost"
        return f"the queue's counters fell, though {there}"
    if last is None or not last.notifications or not seen.queue or seen.listener_took_too_few or seen.unreachable:
        return ""
    most, sure = seen.entered, seen.entered - _backlog(hold) - seen.sent_error - seen.rejected - _of_clients(hold)
    before = [each for each in seen.listener if each.update == last.update and each.second < seen.queue[-1].second]
    counted_by_then = before[-1].notifications or 0 if before else 0
    if most < counted_by_then - seen.few or sure > last.notifications + seen.few:
        return f"the broker says that it queued {most} notifications, and the listeners had {last.notifications}"
    return ""


def _backlog(hold: Hold) -> int:
    """Return how many notifications waited for a worker in the last row that tells."""
    waiting = [row.queue.backlog for row in hold.rows if row.queue and row.queue.backlog is not None]
    return waiting[-1] if waiting else 0


def _of_clients(hold: Hold) -> int:
    """Return how many notifications the updates of the ordinary client may have triggered."""
    seconds = hold.rows[-1].second - hold.rows[0].second + 1 if hold.options.client else 0
    return seconds * hold.options.rate * hold.options.healthy
