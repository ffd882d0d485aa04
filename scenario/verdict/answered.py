"""How the broker's clients were answered: GET /version, and what an ordinary client updates and queries.

Each of the three is judged alike, and for itself: --max-nok of its rows may be NOK or slower than --version-slo.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import shorten

from scenario.run.results import Row
from scenario.run.tries import Tries
from scenario.verdict.held import Hold
from scenario.verdict.outcomes import FAIL, PASS

Reasons = Iterator[tuple[str, str]]
SHORT = 80  # characters of an error; the rows have all of it


@dataclass(frozen=True)
class Answer:
    """What a client got in a row: latency in ms, and what was wrong with it; with --rate all that it got."""

    row: Row
    latency: float
    error: str
    tries: Tries | None = None

    @property
    def right(self) -> Sequence[float]:
        """The latencies of its right answers: several with --rate."""
        return self.tries.right if self.tries else () if self.error else (self.latency,)


def clients(hold: Hold) -> dict[str, list[Answer]]:
    """Return the answers of each client, by its name, in the order of the rows."""
    versions = [(row, row.version) for row in hold.rows if row.version]
    own = [(row, row.client) for row in hold.rows if row.client]
    return {
        "version": [Answer(row, it.latency or 0, it.error, it.tries) for row, it in versions],
        "update": [Answer(row, it.update_latency or 0, it.update_error, it.update_tries) for row, it in own],
        "query": [Answer(row, it.query_latency or 0, it.query_error, it.query_tries) for row, it in own],
    }


def answered(hold: Hold) -> Reasons:
    """Judge what the clients got."""
    told: dict[frozenset[int], str] = {}  # rows that were NOK -> the first client whose they were
    for name, got in clients(hold).items():
        if got:
            nok = frozenset(answer.row.second for answer in got if answer.error)
            yield from _judged(hold, name, got, same=told.setdefault(nok, name))


def _judged(hold: Hold, name: str, got: list[Answer], same: str) -> Reasons:
    """Judge what a client got; `same` is the first client that was NOK in the very same rows."""
    slo = hold.options.version_slo
    refused = [answer for answer in got if answer.error]
    slow = [answer for answer in got if not answer.error and answer.latency > slo]
    outcome = FAIL if len(refused) + len(slow) > hold.options.max_nok else PASS
    if refused:
        kinds = Counter(shorten(answer.error, SHORT, placeholder=" ...") for answer in refused).most_common(3)
        seen = ", ".join(f"{count} x {error}" for error, count in kinds)
        first = refused[0].row
        when = f"the first at second {first.since_trigger}{_after_idle(hold, first, got)}{_after_release(hold, got)}"
        when = when if same == name else f"in the same rows as {same}"
        yield outcome, f"{name}: {len(refused)} of {len(got)} rows NOK ({seen}), {when}"
    if slow:
        worst = max(slow, key=lambda answer: answer.latency)
        when = f"the worst {worst.latency:.0f} ms at second {worst.row.since_trigger}"
        yield outcome, f"{name}: {len(slow)} of {len(got)} rows slower than {slo:.0f} ms, {when}"
    if not refused and not slow:
        slowest = max(answer.latency for answer in got)
        yield PASS, f"{name}: {len(got)} of {len(got)} rows OK, the slowest in {slowest:.0f} ms"


def _after_idle(hold: Hold, row: Row, got: list[Answer]) -> str:
    idle = hold.progress.idle
    if idle is None or row.at < idle.at or any(answer.error for answer in got if answer.row.at < idle.at):
        return ""
    return f", {row.at - idle.at:.0f} s after the idle clients connected; OK in every row before them"


def _after_release(hold: Hold, got: list[Answer]) -> str:
    released = hold.progress.idle and hold.progress.idle.released
    after = [answer for answer in got if released and answer.row.at > released]
    if not after or any(answer.error for answer in after):
        return ""
    return f"; OK again in all {len(after)} rows since they let go"
