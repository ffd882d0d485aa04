"""Causes that end the broker's process."""

from __future__ import annotations

from scenario.verdict.causes.cause import ALL, Cause
from scenario.verdict.evidence import Evidence
from scenario.verdict.of_broker import died, gone_since, process_gone, restarted


def _killed(e: Evidence) -> bool:
    return e.process.killed_for_memory is True


def _memory(e: Evidence) -> str:
    if e.limits.memory is None:
        return "its limit on memory was not measured"
    used, limit, where = e.limits.memory
    return f"{used // 1_000_000} of {limit // 1_000_000} MB used at {where}"


def _held(e: Evidence) -> int:
    return min(e.held.number, e.load.expected)


def restart(e: Evidence) -> str:
    """Return the evidence that the process was replaced."""
    return f"its process was {', then '.join(e.process.pids)}" if e.process.pids else "its queue's counters began anew"


def _let_it_hold_less(e: Evidence) -> str:
    growth = e.process.rss_growth
    each = f"it took {growth // e.held.number // 1000} kB for each held notification" if growth and _held(e) else ""
    return f"raise that limit, or let the broker hold less{each and ': '}{each}"


PROCESS = (
    Cause(
        name="out-of-memory",
        says="the broker was killed because it ran out of memory",
        needs=[process_gone, lambda e: e.process.killed_for_memory],
        explains=ALL,
        evidence=lambda e: f"{_memory(e)}; the kernel counted a kill for memory; {_held(e)} held before",
        remedy=_let_it_hold_less,
    ),
    Cause(
        name="broker-restarts",
        says="the broker was restarted during the run",
        needs=[restarted],
        unless=[_killed],
        explains=ALL,
        evidence=lambda e: f"{restart(e)}; what the first one held is lost",
        remedy="check its log and dmesg",
    ),
    Cause(
        name="broker-dies",
        says="the broker died during the run",
        needs=[died],
        unless=[_killed],
        explains=ALL,
        evidence=lambda e: f"its process is gone from second {gone_since(e)} on; {_held(e)} held before",
        remedy="check its log and dmesg (out of memory?)",
    ),
)
