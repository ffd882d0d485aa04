"""Symptoms -> named causes. What is not sure is said as such: one of several, or unknown, with what was seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scenario.run.results import Diagnosis, Row
from scenario.verdict.causes import CAUSES
from scenario.verdict.causes.cause import Cause, limit
from scenario.verdict.causes.process import PROCESS
from scenario.verdict.causes.server import SERVER, SLOW
from scenario.verdict.symptoms import Symptoms

UNKNOWN = "unknown"
_OF_NOK = (*PROCESS, *SERVER, SLOW)  # only these tell why GET /version failed
_MOVED = 0.05  # of a figure's value: by less it moves all the time
_FIGURES = (
    ("connections", "established", "ESTABLISHED"),
    ("connections", "close_wait", "CLOSE_WAIT"),
    ("connections", "inbound", "connections at its port"),
    ("connections", "fds", "descriptors"),
    ("connections", "threads", "threads"),
    ("connections", "listen_queue", "connections that wait to be accepted"),
    ("queue", "backlog", "notifications that wait for a worker"),
    ("queue", "sent_error", "failed notifications"),
    ("listener", "held", "held by the listeners"),
)


def diagnose(seen: Symptoms) -> tuple[Diagnosis, ...]:
    """Return the causes that hold; before them, or instead, what is known of a NOK that none of them explains."""
    held = {cause: cause.holds(seen) for cause in CAUSES}
    sure = [cause for cause in CAUSES if held[cause]]
    named = tuple(cause.diagnosis(seen) for cause in sure)
    explained = not seen.nok or any(cause in _OF_NOK for cause in sure)
    if named and explained:
        return named
    possible = [cause for cause in (_OF_NOK if seen.nok else CAUSES) if held[cause] is None]
    return (_one_of(possible, seen) if possible else _unknown(seen), *named)


def _one_of(possible: Sequence[Cause], seen: Symptoms) -> Diagnosis:
    names = " or ".join(cause.name for cause in possible)
    sentence = f"one of: {names}" if len(possible) > 1 else f"perhaps {names}"
    tell = "; ".join(cause.told_by for cause in possible if cause.told_by)
    return Diagnosis(
        UNKNOWN, f"{sentence}; what was measured fits, but not all was", _seen(seen), f"what would tell: {tell}"
    )


def _unknown(seen: Symptoms) -> Diagnosis:
    remedy = "the broker's log, and the evidence taken at the first NOK"
    return Diagnosis(UNKNOWN, "unknown: no known cause fits", _seen(seen), remedy)


def _seen(seen: Symptoms) -> str:
    parts = [_ruled_out(seen), _odd(seen)]
    return "; ".join(filter(None, parts)) or "nothing was measured before it ended"


def _ruled_out(seen: Symptoms) -> str:
    return ", ".join(_limits(seen)) if seen.process else "nobody looked into the broker's process"


def _limits(seen: Symptoms) -> Iterator[str]:
    yield f"{seen.fds} of {limit(seen.nofile)} descriptors"
    if seen.inbound is not None:
        yield f"{seen.inbound} of {seen.max_connections} connections at its port"
    if seen.threads is not None:
        yield f"{seen.threads[0]} of {seen.threads[1]} threads"
    if seen.memory is not None:
        yield f"{seen.memory[0] // 1_000_000} of {seen.memory[1] // 1_000_000} MB"
    spent = seen.cpu_when(seen.suffering)
    if spent is not None:
        yield f"{spent:.2f} of {seen.cpus:g} CPUs busy"


def _odd(seen: Symptoms) -> str:
    """Say what moved in the second of the first NOK."""
    if not seen.nok:
        return ""
    now = seen.nok[0]
    before = next((row for row in reversed(seen.hold.rows) if row.second < now.second), None)
    moved = ", ".join(_moved(before, now)) if before else ""
    return f"at second {now.since_trigger}, the first NOK, {moved or 'nothing moved that was measured'}"


def _moved(before: Row, now: Row) -> Iterator[str]:
    for sample, figure, name in _FIGURES:
        was, value = (getattr(getattr(row, sample), figure, None) for row in (before, now))
        if was is not None and value is not None and abs(value - was) > _MOVED * was:
            yield f"{name} {was} to {value}"
