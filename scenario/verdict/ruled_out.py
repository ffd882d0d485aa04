"""What helps where no cause is sure: what was ruled out and by which figure, what nobody measured, and what was odd."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from scenario.run.results import Row
from scenario.verdict.answered import clients
from scenario.verdict.causes.cause import limit
from scenario.verdict.held import held_per_row
from scenario.verdict.symptoms import Symptoms

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


def told(seen: Symptoms) -> str:
    """Return it in words."""
    if not seen.hold.rows:
        return "the run ended before its first row: what is said above is all that is known"
    measured = [(words(seen), there(seen)) for there, words in _LIMITS]
    parts = {
        "reached": [words for words, reached in measured if words and reached],
        "ruled out": [words for words, reached in measured if words and reached is False],
        "not measured": _untold(seen),
        "odd": [*_odd(seen)],
    }
    return "; ".join(f"{name}: {', '.join(words)}" for name, words in parts.items() if words)


def _descriptors(seen: Symptoms) -> str:
    return f"descriptors ({seen.fds} of {limit(seen.nofile)})" if seen.fds else ""


def _clients(seen: Symptoms) -> str:
    return "" if seen.inbound is None else f"connections at its port ({seen.inbound} of {seen.max_connections})"


def _threads(seen: Symptoms) -> str:
    return "" if seen.threads is None else f"threads ({seen.threads[0]} of {seen.threads[1]})"


def _memory(seen: Symptoms) -> str:
    if seen.memory is None:
        return ""
    return f"memory ({seen.memory[0] // 1_000_000} of {seen.memory[1] // 1_000_000} MB, no process killed for it)"


def _cpu(seen: Symptoms) -> str:
    spent = seen.cpu_when(seen.suffering)
    return "" if spent is None else f"CPU ({spent:.2f} of {seen.cpus:g} CPUs busy)"


def _listen_queue(seen: Symptoms) -> str:
    return "" if seen.not_accepted is None else f"its listen queue ({seen.listen_queue} waited)"


def _queue(seen: Symptoms) -> str:
    return f"its notification queue ({seen.rejected} rejected, {seen.backlog} waited)" if seen.queue else ""


_LIMITS: tuple[tuple[Callable[[Symptoms], object], Callable[[Symptoms], str]], ...] = (
    (lambda s: s.out_of_descriptors, _descriptors),
    (lambda s: s.full_of_clients, _clients),
    (lambda s: s.out_of_threads, _threads),
    (lambda s: s.killed_for_memory, _memory),
    (lambda s: s.too_little_cpu, _cpu),
    (lambda s: s.not_accepted, _listen_queue),
    (lambda s: bool(s.rejected or s.backlog), _queue),
)


def _untold(seen: Symptoms) -> list[str]:
    """Say whom nobody asked, or who never answered."""
    parts = {"the broker's process": seen.process, "its notification queue": seen.queue, "the listeners": seen.listener}
    return [name for name, samples in parts.items() if not samples]


def _odd(seen: Symptoms) -> Iterator[str]:
    """Say what moved in the second of the first NOK, and how much was held."""
    answers = [(name, answer) for name, answered in clients(seen.hold).items() for answer in answered]
    failed = [(answer.row, name, answer.error) for name, answer in answers if answer.error]
    if failed:
        first, client, error = min(failed, key=lambda each: each[0].second)
        before = next((row for row in reversed(seen.hold.rows) if row.second < first.second), None)
        moved = ", ".join(_moved(before, first)) if before else ""
        yield f"at second {first.since_trigger}, the first NOK ({client}: {error}), {moved or 'no figure moved'}"
    if seen.fell_short:
        at = next(second for held, second in held_per_row(seen.hold) if held >= seen.held)
        yield f"{max(seen.held, 0)} of {seen.wanted} held, the most, at second {at}"


def _moved(before: Row, now: Row) -> Iterator[str]:
    for sample, figure, name in _FIGURES:
        was, value = (getattr(getattr(row, sample), figure, None) for row in (before, now))
        if was is not None and value is not None and abs(value - was) > _MOVED * was:
            yield f"{name} {was} to {value}"
