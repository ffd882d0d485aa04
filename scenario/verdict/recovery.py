"""The broker after the listeners have answered: back at rest or not, and whether it kept growing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from scenario.peers import kind_of
from scenario.run.samples import ConnectionSample
from scenario.verdict.evidence import Evidence
from scenario.verdict.evidence.held import at_rest, established
from scenario.verdict.thresholds import HELD_SHARE, STEADY

_FIGURES = (("fds", "fds", 1, ""), ("threads", "threads", 1, ""), ("RSS", "rss", 1_000_000, " MB"))


def recovery(e: Evidence) -> Iterator[str]:
    """Report it in a sentence or two; nothing if the connections were never held, or held to the end."""
    hold, wanted = e.hold, e.load.wanted
    count, held = partial(established, hold), e.held.connections
    rest = at_rest(hold, count)
    most = max(held.values(), default=0)
    if rest is None or most < HELD_SHARE * wanted:
        return
    samples = [(row, row.connections) for row in hold.loaded if row.connections and row.since_trigger in held]
    if len({sample.process for _, sample in samples}) > 1:
        return  # another process has its own rest
    last_held = max(second for second, count in held.items() if count > e.load.few)
    after = [(row, sample) for row, sample in samples if row.since_trigger > last_held]
    if not after:
        answered = hold.rows[-1].listener
        if answered and answered.held == 0:
            left = held[max(held)]
            yield f"not seen; all is answered, and {left} connections are kept by listener and broker"
        return
    (row, first), (end, last) = after[0], after[-1]
    kept = "".join(f", {text}" for text in _kept(last, e.held.counted_elsewhere, kind_of(e.hold.options).keeps_closed))
    yield f"back at rest at second {row.since_trigger}, {count(row)} established ({rest} before){kept}"
    if len(after) > 1:
        yield f"{'; '.join(_growth(first, last))} in the {end.second - row.second} s since"


def _kept(last: ConnectionSample, elsewhere: bool, why: str) -> Iterator[str]:
    """Report the CLOSE_WAIT connections that are kept: those to the listeners, and others."""
    in_all = last.close_wait or 0
    known = None if elsewhere else last.close_wait_to_listeners
    to_listeners = in_all if known is None else known
    if to_listeners:
        yield f"{to_listeners} CLOSE_WAIT kept{why and f': {why}'}"
    if in_all > to_listeners:
        yield f"{in_all - to_listeners} CLOSE_WAIT that lead elsewhere: its database closes idle ones, say"


def _growth(first: ConnectionSample, last: ConnectionSample) -> Iterator[str]:
    for name, field, unit, label in _FIGURES:
        before, now = getattr(first, field), getattr(last, field)
        if before is not None and now is not None:
            grew = " (kept growing)" if now > before * (1 + STEADY) else ""
            yield f"{name} {before // unit} to {now // unit}{label}{grew}"
