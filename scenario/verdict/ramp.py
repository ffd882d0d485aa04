"""The verdict of a ramp: what the most slow receivers cost, what failed first beyond them, and why."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from operator import attrgetter

from scenario.run.results import Criterion, Step, Verdict, times
from scenario.settings.options import Options
from scenario.verdict.healthy import NAME as HEALTHY
from scenario.verdict.healthy import duration
from scenario.verdict.hold import Hold
from scenario.verdict.ngsild import NAME as SAME
from scenario.verdict.outcomes import FAIL, INCONCLUSIVE, PASS, concluded, endings
from scenario.verdict.thresholds import STEADY, UNFELT

_CLIENTS = {  # by the name of their figures: the criterion, and who feels it
    "version": ("version", "GET /version"),
    "update": ("update", "an update"),
    "query": ("query", "a query"),
    "healthy": (HEALTHY, "a healthy notification"),
}


def judge_ramp(hold: Hold, steps: Sequence[Step]) -> Verdict:
    """PASS: `stop` was held. FAIL: it broke before. INCONCLUSIVE: interrupted, or a step could not be judged."""
    stop, by_size = hold.options.load.subscriptions, sorted(steps, key=attrgetter("subscriptions"))
    good = next((step for step in reversed(by_size) if step.verdict.outcome == PASS), None)
    failed = [step for step in by_size if step.verdict.outcome == FAIL]
    unknown = [step for step in steps[-1:] if step.verdict.outcome == INCONCLUSIVE]  # those before were tried again
    all_held = good is not None and good.subscriptions == stop
    cut_short = hold.progress.interrupted or hold.progress.missing
    outcome = INCONCLUSIVE if unknown or cut_short else PASS if all_held else FAIL
    beyond = _broke(failed, hold.options) if failed else _up_to(times(stop, hold.options.load.updates), all_held)
    criteria = [Criterion("ramp", outcome, f"{_cost(good)}{beyond}")]
    for bad in failed[:1]:
        criteria += [Criterion(bad.load, FAIL, str(each)) for each in _failures(bad)]
        criteria += _kept(steps[0], bad)
    criteria += [Criterion(f"{s.load} could not be judged", INCONCLUSIVE, s.verdict.reasons[0]) for s in unknown]
    criteria += endings(hold.progress, criteria)
    worst = next(iter([*failed, *unknown]), None)
    verdict = concluded(outcome, criteria)
    return replace(verdict, causes=worst.verdict.causes if worst else ())


def _cost(good: Step | None) -> str:
    """Return what the most held connections cost the other clients: each one's slowest answer."""
    if good is None:
        return "no step was held within the SLO"
    figures = good.verdict.figures
    slowest = {name: latency for name in _CLIENTS if (latency := figures.get(f"{name}_max")) is not None}
    nok = any(figures.get(f"{name}_nok") for name in _CLIENTS)
    unfelt = "healthy" in slowest and max(slowest.values()) <= UNFELT and not nok
    result = "slow receivers cost nothing" if unfelt else "connections held within the SLO"
    latencies = ", ".join(f"{name} {duration(latency)}" for name, latency in slowest.items())
    return f"{good.load} {result}{f' (at most: {latencies})' if latencies else ''}"


def _up_to(stop: str, all_held: bool) -> str:
    return ", as many as were asked for" if all_held else f" so far, of {stop}"


def _broke(failed: Sequence[Step], options: Options) -> str:
    """Return what failed first, and what failed with more connections. `failed` starts with the fewest."""
    first, felt = failed[0], _felt(failed[0], options)
    text = f"; from {first.load} on {_listed(felt.values()) or first.verdict.reasons[0]}"
    for step in failed[1:]:
        later = _felt(step, options, felt)
        text += f"; with {step.load} {_listed(later.values())}, too" if later else ""
        felt |= later
    return text


def _failures(step: Step) -> list[Criterion]:
    return [each for each in step.verdict.criteria if each.outcome == FAIL]


def _felt(step: Step, options: Options, known: Container[str] = ()) -> dict[str, str]:
    """Return what users notice of a failed step, by the name of its criterion, without what was reported before."""
    failed, figures = {each.name for each in _failures(step)}, step.verdict.figures
    clients = {name: who for name, (criterion, who) in _CLIENTS.items() if criterion in failed and name not in known}
    felt = {"held": f"only {step.held} are held"} if "held" in failed and "held" not in known else {}
    if SAME in failed and SAME not in known:
        felt[SAME] = "healthy subscribers of the same update wait"
    failing = [name for name in clients if figures.get(f"{name}_nok")]
    fail = f"{_listed(clients[name] for name in failing)} fail{'s' if len(failing) == 1 else ''}"
    for name, who in clients.items():
        limit = options.healthy_limit if name == "healthy" else options.limits.version_slo
        if name in failing:
            felt[name] = fail if name == failing[0] else ""  # reported with the first of them
        elif (slowest := figures.get(f"{name}_max") or 0) > limit:
            felt[name] = f"{who} takes {duration(slowest)}"
    return felt


def _listed(parts: Iterable[str]) -> str:
    *others, last = [part for part in parts if part] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def _kept(first: Step, bad: Step) -> list[Criterion]:
    """Report that the broker was no longer fresh: each worker that was used keeps descriptors."""
    before, now = first.rest.fds, bad.rest.fds
    if before is None or now is None or now - before <= STEADY * before:
        return []
    kept = f"the broker kept {now - before} descriptors of the steps before it"
    return [Criterion(bad.load, PASS, f"{kept}; with --restart-command each step has a fresh broker")]
