"""Judges a run: a plain one, a ramp, or cycles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from scenario.run.results import Criterion, Rest, Step, Verdict
from scenario.settings.options import Options
from scenario.verdict.criteria import judge_hold
from scenario.verdict.cycles import judge_cycles
from scenario.verdict.hold import Hold
from scenario.verdict.outcomes import PASS
from scenario.verdict.ramp import judge_ramp


def judge(hold: Hold, steps: Sequence[Step], rest: Rest) -> Verdict:
    """Judge a run by its steps (none in a plain run), its last hold, and the broker at rest after it."""
    if hold.options.load.ramp:
        verdict = judge_ramp(hold, steps)
    elif hold.options.load.cycles:
        verdict = judge_cycles(hold, steps, rest)
    else:
        verdict = judge_hold(hold)
    remarks = list(_remarks(hold.options))
    reasons = (*verdict.reasons, *map(str, remarks))
    return replace(verdict, reasons=reasons, criteria=(*verdict.criteria, *remarks))


def _remarks(options: Options) -> Iterator[Criterion]:
    """Remark on what was measured together with the broker."""
    if options.broker.access.insecure and options.broker.host.startswith("https:"):
        yield Criterion("TLS", PASS, "NOT VERIFIED (--insecure): nothing shows that the broker itself answered")
    if options.broker.access.header or options.broker.access.header_file:
        text = "sent with every request; whatever checks them, such as a PEP proxy, is measured with the broker"
        yield Criterion("headers", PASS, text)
