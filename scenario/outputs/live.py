"""The text of the live line: its parts, and as many of them as fit on the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from scenario.outputs.history import History
from scenario.run.phase import Phase
from scenario.run.results import Row

SEPARATOR = " | "
GOOD, BAD, PLAIN = "green", "bold red", ""
MEASURED = (Phase.BASELINE, Phase.TRIGGER, Phase.OBSERVE, Phase.REST)  # phases with rows
Part = tuple[str, str]  # text, style


def parts(history: History, first_nok: Row | None) -> list[Part]:
    """Return the parts of the line, the most important first."""
    row, schedule = history.rows[-1] if history.rows else None, history.schedule
    if row is None or schedule is None or row.second < schedule.start or history.phase not in MEASURED:
        return [(f"{history.phase}: {history.progress}" if history.progress else history.phase or "", PLAIN)]
    left = max(0, schedule.end - row.second)
    step = f"step {row.step} " if history.options and history.options.stepped else ""
    wanted = history.subscriptions * (history.options.load.updates if history.options else 1)
    line = [(f"{step}{history.phase} {left} s left", PLAIN), _version(row), (_held(row, wanted), PLAIN)]
    if first_nok is not None:
        line.append((f"first NOK at {first_nok.since_trigger} s", BAD))
    return [*line, *_healthy(row)]


def fitting(parts: list[Part], width: int) -> list[Part]:
    """Return the parts that fit into `width` columns with separators. The first part is cut if necessary."""
    line: list[Part] = []
    for text, style in parts:
        added = [(SEPARATOR, PLAIN), (text, style)] if line else [(text[:width], style)]
        if sum(len(part) for part, _ in line + added) <= width:
            line += added
    return line


def nok_of(row: Row) -> str:
    """Return which client got no right answer in a row, and why: "version: connection reset"."""
    errors = {"version": row.version.error if row.version else ""}
    if row.client:
        errors |= {"update": row.client.update_error, "query": row.client.query_error}
    return next(f"{name}: {error}" for name, error in errors.items() if error)


def _version(row: Row) -> Part:
    if row.version is None or row.version.error:
        return "version NOK", BAD
    return f"version OK {row.version.latency or 0:.0f} ms", GOOD


def _held(row: Row, wanted: int) -> str:
    counts = [row.connections.to_listeners if row.connections else None, row.listener.held if row.listener else None]
    held = max((count for count in counts if count is not None), default=None)
    return f"held {'?' if held is None else held} of {wanted}"


def _healthy(row: Row) -> Iterator[Part]:
    if row.healthy is not None and not (row.healthy.quiet and row.healthy.slowest is None):
        known = row.healthy.slowest is not None and not row.healthy.error
        yield f"healthy {row.healthy.slowest:.0f} ms" if known else "healthy ?", PLAIN
