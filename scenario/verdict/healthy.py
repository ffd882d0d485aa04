"""Judges whether the healthy subscribers were notified in time beside the slow receivers.

Those that wait because the broker has no more workers than slow receivers are not judged, because the original's own
start is such a one; unless --healthy-slo was given, or in a ramp, which looks for just that.
"""

from __future__ import annotations

from collections.abc import Iterator

from scenario.run.results import Criterion
from scenario.verdict.evidence import Evidence
from scenario.verdict.of_notifications import healthy_judged, starved
from scenario.verdict.outcomes import FAIL, INCONCLUSIVE, PASS

NAME = "healthy subscribers"
MENDS = (
    "more workers than slow receivers, a pool of the service's own or a shorter timeout of the subscriptions mends it"
)


def healthy(e: Evidence) -> Iterator[Criterion]:
    """Judge the healthy subscribers."""
    count, samples = e.healthy.count, e.healthy.samples
    if not count or e.hold.schedule is None:
        return
    if not samples:
        yield Criterion(NAME, INCONCLUSIVE, "when they were notified was not measured")
        return
    last, rows = samples[-1], len(e.healthy.late)
    since = e.healthy.quiet_from
    until = f"; none from second {since} on, because the listeners had answered" if since is not None else ""
    clock_error = max(1.0, *(sample.clock_error or 0 for sample in samples))
    took = f"{duration(e.healthy.slowest)} (± {clock_error:.0f} ms)"
    if not rows:
        refused = len(e.update.nok)
        when = f"of each update but the {refused} that failed" if refused else "each second"
        yield Criterion(NAME, PASS, f"{count} of {count} notified {when}, the slowest after {took}{until}")
    elif healthy_judged(e):
        late = f"{rows} of {len(e.healthy.watched)} rows later than {e.hold.options.healthy_limit:.0f} ms"
        yield Criterion(NAME, FAIL if starved(e) else PASS, f"{late}, the slowest after {took}")
    else:
        workers = f"all {e.started.workers} workers" if e.started.workers else "all workers"
        why = f"not judged, because the slow receivers occupy {workers}: they waited {took}; {MENDS}"
        yield Criterion(NAME, PASS, why)
    if last.waiting:
        yield Criterion(NAME, PASS, f"{last.waiting} notifications were still under way at the end")
    if last.lost:
        yield Criterion(NAME, FAIL, f"{last.lost} notifications were lost: later ones have overtaken them")
    if last.doubled:
        yield Criterion(NAME, FAIL, f"{last.doubled} notifications came more than once")


def duration(latency: float) -> str:
    """Return a latency in ms as text, in ms or s."""
    return f"{latency:.0f} ms" if latency < 1000 else f"{latency / 1000:.1f} s"
