"""Hints if no cause is certain: what was ruled out and by which figure, what was not measured, what was unusual."""

from __future__ import annotations

from collections.abc import Iterator

from scenario.run.results import Row
from scenario.verdict.causes.cause import Predicate, Words, limit
from scenario.verdict.evidence import Evidence
from scenario.verdict.of_broker import too_little_cpu
from scenario.verdict.thresholds import STEADY

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


def ruled_out(e: Evidence) -> str:
    """Return what the figures rule out, and what they leave open, in words."""
    if not e.hold.rows:
        return "the run ended before its first row: what is said above is all that is known"
    measured = [(words(e), there(e)) for there, words in _LIMITS]
    parts = {
        "reached": [words for words, reached in measured if words and reached],
        "ruled out": [words for words, reached in measured if words and reached is False],
        "not measured": _unmeasured(e),
        "odd": [*_odd(e)],
    }
    return "; ".join(f"{name}: {', '.join(words)}" for name, words in parts.items() if words)


def _descriptors(e: Evidence) -> str:
    return f"descriptors ({e.process.fds} of {limit(e.limits.nofile)})" if e.process.fds else ""


def _clients(e: Evidence) -> str:
    return "" if e.port.inbound is None else f"connections at its port ({e.port.inbound} of {e.port.max_connections})"


def _threads(e: Evidence) -> str:
    return "" if e.limits.threads is None else f"threads ({e.limits.threads[0]} of {e.limits.threads[1]})"


def _memory(e: Evidence) -> str:
    if e.limits.memory is None:
        return ""
    used, most, _ = e.limits.memory
    killed = "a process was" if e.process.killed_for_memory else "no process"
    return f"memory ({used // 1_000_000} of {most // 1_000_000} MB, {killed} killed for it)"


def _cpu(e: Evidence) -> str:
    spent = e.process.cpu_in(e.suffering)
    if e.host.busy:
        return f"CPU of its host ({e.host.idle or 0:.2f} of {e.host.cpus:g} CPUs idle)"
    return "" if spent is None else f"CPU ({spent:.2f} of {e.process.cpus:g} CPUs busy)"


def _listen_queue(e: Evidence) -> str:
    return "" if e.port.not_accepted is None else f"its listen queue ({e.port.waiting} waited)"


def _queue(e: Evidence) -> str:
    queue = e.queue
    return f"its notification queue ({queue.rejected or 0} rejected, {queue.backlog} waited)" if queue.samples else ""


_LIMITS: tuple[tuple[Predicate, Words], ...] = (
    (lambda e: e.limits.out_of_descriptors, _descriptors),
    (lambda e: e.port.full, _clients),
    (lambda e: e.limits.out_of_threads, _threads),
    (lambda e: e.process.killed_for_memory, _memory),
    (lambda e: e.host.busy or too_little_cpu(e), _cpu),
    (lambda e: e.port.not_accepted, _listen_queue),
    (lambda e: bool(e.queue.rejected or e.queue.backlog), _queue),
)


def _unmeasured(e: Evidence) -> list[str]:
    """Return the missing measurements."""
    parts = {
        "the broker's process": e.process.samples,
        "its notification queue": e.queue.samples,
        "the listeners": e.listeners.samples,
    }
    return [name for name, samples in parts.items() if not samples]


def _odd(e: Evidence) -> Iterator[str]:
    """Report what changed in the second of the first NOK, and how much was held."""
    failed = [(answer, client.name) for client in e.clients for answer in client.nok]
    if failed:
        first, client = min(failed, key=lambda each: each[0].row.second)
        before = next((row for row in reversed(e.hold.rows) if row.second < first.row.second), None)
        moved = ", ".join(_moved(before, first.row)) if before else ""
        yield f"at second {first.second}, the first NOK ({client}: {first.error}), {moved or 'no figure moved'}"
    if e.held.fell_short:
        at = next(second for held, second in e.held.per_row if held == e.held.most)
        yield f"{e.held.number} of {e.load.wanted} held, the most, at second {at}"


def _moved(before: Row, now: Row) -> Iterator[str]:
    for sample, figure, name in _FIGURES:
        was, value = (getattr(getattr(row, sample), figure, None) for row in (before, now))
        if was is not None and value is not None and abs(value - was) > STEADY * was:
            yield f"{name} {was} to {value}"
