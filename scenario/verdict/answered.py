"""Judges how the broker's clients were answered: version, update and query, each separately.

--max-nok of a client's rows may be NOK or slower than --version-slo. What does not tell of the broker, such as HTTP 401
from a proxy in front of it, is INCONCLUSIVE.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from textwrap import shorten

from scenario.peers.failures import OUTSIDE
from scenario.run.results import Criterion
from scenario.verdict.evidence import Evidence
from scenario.verdict.evidence.clients import Answer, ClientAnswers
from scenario.verdict.outcomes import FAIL, INCONCLUSIVE, PASS

SHORT = 80  # characters of an error; the rows have all of it


def answered(e: Evidence) -> Iterator[Criterion]:
    """Judge the answers to all clients."""
    first_client: dict[frozenset[int], str] = {}  # rows that were NOK -> the first client whose they were
    for client in e.clients:
        if client.answers:
            nok = frozenset(answer.second for answer in client.nok)
            yield from _judged(e, client, same=first_client.setdefault(nok, client.name))


def _judged(e: Evidence, client: ClientAnswers, same: str) -> Iterator[Criterion]:
    """Judge the answers to a client. `same` is the first client that was NOK in exactly the same rows."""
    got, nok, slow = client.answers, client.nok, client.slow
    allowed, outside = e.hold.options.limits.max_nok, len(client.failed(OUTSIDE))
    outcome = FAIL if len(nok) + len(slow) - outside > allowed else INCONCLUSIVE if outside > allowed else PASS
    if nok:
        kinds = Counter(shorten(answer.error, SHORT, placeholder=" ...") for answer in nok).most_common(3)
        seen = ", ".join(f"{count} x {error}" for error, count in kinds)
        when = f"the first at second {nok[0].second}{_after_idle(e, nok[0], got)}{_after_release(e, got)}"
        when = when if same == client.name else f"in the same rows as {same}"
        yield Criterion(client.name, outcome, f"{len(nok)} of {len(got)} rows NOK ({seen}), {when}")
    if slow:
        worst = max(slow, key=lambda answer: answer.latency)
        when = f"the worst {worst.latency:.0f} ms at second {worst.second}"
        text = f"{len(slow)} of {len(got)} rows slower than {client.slo:.0f} ms, {when}"
        yield Criterion(client.name, outcome, text)
    if not nok and not slow:
        text = f"{len(got)} of {len(got)} rows OK, the slowest in {client.slowest:.0f} ms"
        yield Criterion(client.name, PASS, text)


def _after_idle(e: Evidence, first: Answer, got: Sequence[Answer]) -> str:
    idle, at = e.hold.progress.idle, first.row.at
    if idle is None or at < idle.at or any(answer.error for answer in got if answer.row.at < idle.at):
        return ""
    return f", {at - idle.at:.0f} s after the idle clients connected; OK in every row before them"


def _after_release(e: Evidence, got: Sequence[Answer]) -> str:
    released = e.hold.progress.idle and e.hold.progress.idle.released
    after = [answer for answer in got if released and answer.row.at > released]
    if not after or any(answer.error for answer in after):
        return ""
    return f"; OK again in all {len(after)} rows since they disconnected"
