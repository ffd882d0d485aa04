"""Who pays for slow receivers: whether the healthy subscribers beside them were notified in time.

Those that wait because the broker has no more workers than slow receivers are not judged, for the original's own start
is such a one; unless --healthy-slo was given, or in a ramp, which looks for just that.
"""

from __future__ import annotations

from collections.abc import Sequence

from scenario.run.samples import HealthySample
from scenario.verdict.answered import Reasons
from scenario.verdict.held import HELD_SHARE, Hold
from scenario.verdict.outcomes import FAIL, INCONCLUSIVE, PASS
from scenario.verdict.symptoms import Symptoms

MENDS = (
    "more workers than slow receivers, a pool of the service's own or a shorter timeout of the subscriptions mends it"
)


def told(hold: Hold) -> list[HealthySample]:
    """Return what was told of them."""
    return [row.healthy for row in hold.rows if row.healthy and not row.healthy.error]


def late(hold: Hold) -> list[HealthySample]:
    """Return the rows in which one of them came, or still waited, later than allowed."""
    return [sample for sample in told(hold) if (sample.slowest or 0) > hold.options.healthy_limit]


def slowest(samples: Sequence[HealthySample]) -> float:
    """Return the longest that one took, or waited, in ms."""
    return max((sample.slowest or 0 for sample in samples), default=0)


def no_worker_left(hold: Hold) -> bool:
    """Tell whether the slow receivers took all workers: by the command line, else by a queue behind all of them."""
    seen = Symptoms(hold)
    if seen.pool:
        return seen.workers <= max(seen.expected, seen.notified)
    return seen.held >= HELD_SHARE * seen.wanted and seen.backlog > 0


def judged(hold: Hold) -> bool:
    """Tell whether they are judged when they were late."""
    return hold.options.judges_starved or not no_worker_left(hold)


def starved(hold: Hold) -> bool:
    """Tell whether too many rows were late, and that is judged."""
    return len(late(hold)) > hold.options.max_nok and judged(hold)


def healthy(hold: Hold) -> Reasons:
    """Judge them."""
    count, samples = hold.options.healthy, told(hold)
    if not count or hold.schedule is None:
        return
    if not samples:
        yield INCONCLUSIVE, "healthy subscribers: nobody told when they were notified"
        return
    seen, last, rows = Symptoms(hold), samples[-1], len(late(hold))
    took = _time(slowest(samples), max(sample.clock_error or 0 for sample in samples))
    if not rows:
        yield PASS, f"healthy subscribers: {count} of {count} notified each second, the slowest after {took}"
    elif judged(hold):
        limit = f"{rows} of {len(samples)} rows later than {hold.options.healthy_limit:.0f} ms"
        yield FAIL if starved(hold) else PASS, f"healthy subscribers: {limit}, the slowest after {took}"
    else:
        workers = f"{seen.workers or 'all'} workers, {seen.expected} slow receivers"
        why = f"not judged, for no worker was left for them ({workers}): they waited {took}; {MENDS}"
        yield PASS, f"healthy subscribers: {why}"
    if last.waiting:
        yield PASS, f"healthy subscribers: {last.waiting} notifications were still under way at the end"
    if last.lost:
        yield FAIL, f"healthy subscribers: {last.lost} notifications were lost, for later ones have overtaken them"
    if last.doubled:
        yield FAIL, f"healthy subscribers: {last.doubled} notifications came more than once"


def _time(latency: float, error: float) -> str:
    """Return a latency as it is told, with what the comparison of the clocks leaves open."""
    return f"{duration(latency)} (± {max(1.0, error):.0f} ms)"


def duration(latency: float) -> str:
    """Return a latency in ms as it is told."""
    return f"{latency:.0f} ms" if latency < 1000 else f"{latency / 1000:.1f} s"
