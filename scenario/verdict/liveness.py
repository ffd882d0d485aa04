"""When a Kubernetes liveness probe would have restarted the broker.

By its defaults, https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
(periodSeconds, timeoutSeconds, failureThreshold), on GET /version; the kubelet, too, takes a new connection for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scenario.peers.failures import Kind
from scenario.run.results import Row

PERIOD, TIMEOUT, THRESHOLD = 10, 1, 3  # s, s, failures in a row
# Answers that would do, or come from a PEP proxy, which the kubelet does not ask
_ANSWERED = {Kind.CONTENT, Kind.REDIRECT, Kind.DENIED, Kind.TOO_MANY_REQUESTS}


@dataclass(frozen=True)
class Liveness:
    """Results of the probe for every second at which it could have started."""

    failed: int  # in a row, at most
    restarts: tuple[int, ...]  # seconds since the trigger, one for each of those that come to one, the earliest first


def liveness(rows: Sequence[Row]) -> Liveness:
    """Probe the rows every PERIOD seconds until a restart. A second that was not measured is not a failure."""
    failures = {row.since_trigger for row in rows if _fails(row)}
    most, restarts = 0, []
    for phase in range(PERIOD):
        in_a_row = 0
        for second in sorted(second for second in failures if second % PERIOD == phase):
            in_a_row = in_a_row + 1 if second - PERIOD in failures else 1
            most = max(most, in_a_row)
            if in_a_row == THRESHOLD:
                restarts.append(second)
                break
    return Liveness(most, tuple(sorted(restarts)))


def _fails(row: Row) -> bool:
    version = row.version
    if version is None:
        return False
    late = (version.latency or 0) > TIMEOUT * 1000
    return late or bool(version.error and version.failure not in _ANSWERED)


def restart_by_liveness(rows: Sequence[Row]) -> str:
    """Return a sentence on when it would have restarted the broker, or ""."""
    seen = liveness(rows).restarts
    if not seen:
        return ""
    how_often = "whenever" if len(seen) == PERIOD else f"in {len(seen)} of {PERIOD} cases of when"
    rule = f"GET /version each {PERIOD} s, {THRESHOLD} in a row not answered within {TIMEOUT} s"
    when = f"at second {seen[0]} at the earliest, {how_often} its probes fall"
    return f"Kubernetes would have restarted the broker {when} (its defaults: {rule})"
