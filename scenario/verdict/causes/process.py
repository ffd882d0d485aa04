"""Causes that end the broker's process."""

from __future__ import annotations

from scenario.verdict.causes.cause import Cause, stopped_answering
from scenario.verdict.symptoms import Symptoms


def _memory(seen: Symptoms) -> str:
    if seen.memory is None:
        return "nobody told its limit on memory"
    used, limit, where = seen.memory
    return f"{used // 1_000_000} of {limit // 1_000_000} MB used at {where}"


PROCESS = (
    Cause(
        "out-of-memory",
        "the broker was killed for want of memory",
        (stopped_answering, lambda s: s.killed_for_memory),
        lambda s: (
            f"{_memory(s)}; the kernel counted a kill for memory meanwhile; {min(s.held, s.expected)} held before"
        ),
        lambda s: (
            f"raise that limit, or let the broker hold less: it took {s.rss_each // 1000} kB for each held notification"
        ),
    ),
    Cause(
        "broker-restarts",
        "the broker was restarted in mid-run",
        (lambda s: s.restarted,),
        lambda s: f"{s.restart}; what the first one held is lost",
        "its log and dmesg tell why it ended",
        (lambda s: s.killed_for_memory is True,),
    ),
    Cause(
        "broker-dies",
        "the broker died in mid-run",
        (lambda s: s.died,),
        lambda s: f"connections are refused from second {s.gone_since} on, with {min(s.held, s.expected)} held before",
        "its log and dmesg (out of memory?) tell why it ended",
        (lambda s: s.killed_for_memory is True,),
    ),
)
