"""python -m tests.benchmarks.brokers NAME[:PROCESS]=COMMAND ...: which broker survives whose receivers.

COMMAND starts a broker in the foreground; {port} is its port, {mongo} that of a MongoDB (SecantusDB), started for it:

    python -m tests.benchmarks.brokers 'Scorpio:java=scorpio.sh {port}' 'Orion:contextBroker=orion.sh {port} {mongo}'

Prints four Markdown tables, each row as soon as it is known: what healthy subscribers and clients met, what a held
notification costs, at which number of slow subscriptions each client breaks, and what comes of several updates at once.
Each run, and each step of a ramp, has a fresh broker. A broker that does not start has no rows. A run takes somewhat
more than a minute, a ramp 5 to 15.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import takewhile
from operator import attrgetter, itemgetter
from pathlib import Path

from scenario.outputs.history import History
from scenario.replay import replay
from scenario.run.results import Row, Step, Verdict
from scenario.verdict.evidence.held import per_notification
from scenario.verdict.healthy import NAME as OTHER
from scenario.verdict.healthy import duration
from scenario.verdict.ngsild import NAME as SAME
from scenario.verdict.outcomes import FAIL, PASS
from tests.benchmarks.started import Broker, start_listener
from tests.support.processes import Processes
from tests.support.stack import LISTENING, free_port

SUBSCRIPTIONS, SECONDS, DELAY = 40, 45, 20
# name: what the listener's delay is, and where the slow subscriptions lead
RECEIVERS = {
    "healthy": ("0", "{first}/notify"),
    f"slow, {DELAY} s": (f"{DELAY}s", "{first}/notify"),
    "never": ("0", "{first}/notify/never"),
    "deaf": ("0", "{deaf}/notify"),
    "refused": ("0", "{refused}/notify"),
    "500": ("0", "{first}/notify/500"),
    "closes": ("0", "{first}/notify/close"),
}
PORTS = 200  # of the slow receivers of a ramp: Scorpio holds 5 for each
RAMP = {True: 6000, False: 1000}  # the most slow subscriptions: of an Orion, of another broker
MAX_NOK = 2  # late rows that break no client: the host is not quiet
UPDATES = (1, 10, 100, 1000, 1500)
CLIENTS = ("version", "update", "query", OTHER, SAME)  # names of criteria
MET = ["broker", "receivers", "healthy, another entity", "healthy, same update", "slowest client", "arrived", "twice"]
MET += ["verdict", "cause"]
COSTS = ["broker", "receivers", "held at most", "descriptors each", "threads each", "MB each"]
COSTS += ["descriptors in all", "threads in all", "MB in all"]
BREAKS = ["broker", "`GET /version`", "update", "query", "healthy, another entity", "healthy, same update"]
BREAKS += ["held at most", "cause of the first"]
AT_ONCE = ["broker", "updates at once", "answered within", "notifications lost", "healthy, another entity"]
AT_ONCE += ["healthy, same update", "slowest client", "verdict", "cause"]


class Recorded:
    """What a run's file has."""

    def __init__(self, verdict: Verdict, history: History) -> None:
        self.verdict, self.figures, self.steps = verdict, verdict.figures, history.steps
        self.rows: Sequence[Row] = history.rows

    @property
    def slowest(self) -> str:
        """The clients' slowest answer, and how many had none."""
        clients = ("version", "update", "query")
        latencies = [value for client in clients if (value := self.figures.get(f"{client}_max")) is not None]
        nok = sum(self.figures.get(f"{client}_nok") or 0 for client in clients)
        return _ms(max(latencies, default=None)) + (f", {nok:g} NOK" if nok else "")

    def same(self, wanted: int) -> str:
        """The latest healthy notification of the same update, and how many came if not all did."""
        samples = [row.healthy for row in self.rows if row.healthy and row.healthy.same_arrived is not None]
        if not samples:
            return "not apart"
        arrived = max(sample.same_arrived or 0 for sample in samples)
        latest = max((sample.same_slowest for sample in samples if sample.same_slowest is not None), default=None)
        return _ms(latest) + (f" ({arrived} of {wanted})" if arrived < wanted else "")

    @property
    def arrived(self) -> tuple[int, int, int]:
        """Subscriptions notified, those of them more than once, notifications."""
        seen = [row.listener for row in self.rows if row.listener and row.listener.update]
        last = seen[-1] if seen else None
        return (last.notified or 0, last.doubled or 0, last.notifications or 0) if last else (0, 0, 0)

    @property
    def causes(self) -> str:
        return ", ".join(cause.cause for cause in self.verdict.causes) or "-"


def main() -> None:
    """Make the tables, one after the other."""
    brokers = [Broker.of(text) for text in sys.argv[1:]]
    load = ", ".join(f"{each:.0f}" for each in os.getloadavg())
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M}, {platform.machine()}, {os.cpu_count()} CPUs, load {load};", end=" ")
    print(f"{SUBSCRIPTIONS} subscriptions, {SECONDS} s after the update", flush=True)
    costs: list[list[str]] = []
    _head(MET)
    for broker in brokers:
        for receivers, (delay, to) in RECEIVERS.items():
            for run in _run(broker, delay, to, "--subscriptions", SUBSCRIPTIONS, "--duration", f"{SECONDS}s"):
                _line(broker.name, receivers, *_met(run))
                costs.append([broker.name, receivers, *_costs(run.rows, SUBSCRIPTIONS)])
    _head(BREAKS)
    for broker in brokers:
        most = RAMP[broker.needs_mongo]
        up = ("--ramp", f"{most}:{most}:1", "--max-nok", MAX_NOK)
        for run in _run(broker, "24h", "{slow}/notify", *up, ports=PORTS):
            _line(broker.name, *_breaks(run.steps))
            rows = [row for row in run.rows if row.step == 1]
            costs.append([broker.name, f"slow, {most} of them", *_costs(rows, most)])
    _head(COSTS)
    for cells in costs:
        if cells[2] != "0":  # held
            _line(*cells)
    _head(AT_ONCE)
    for broker in brokers:
        for updates in UPDATES:
            options = ("--subscriptions", 1, "--updates", updates, "--duration", f"{SECONDS}s")
            for run in _run(broker, "0", "{first}/notify", *options):
                _line(broker.name, str(updates), *_at_once(run, updates))


def _run(broker: Broker, delay: str, to: str, *more: str | int, ports: int = 1) -> Iterator[Recorded]:
    """Run the scenario once, and yield its record; nothing if the broker is not there."""
    with tempfile.TemporaryDirectory(prefix="brokers-") as name:
        folder = Path(name)
        processes = Processes(folder)
        try:
            options = _started(broker, processes, delay, to, ports)
            options += [*more, "--csv", folder / "run", "--report-log", folder / "log"]
            if "--ramp" in more and not broker.needs_mongo:  # it would read what is in its database
                options += ["--restart-command", broker.restart_command(folder)]
            processes.start(Path(sys.executable).with_name("locust"), *options).wait(1800)
            yield Recorded(*replay(str(folder / "run_run.jsonl")))
        except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
            print(f"{broker.name}: {error}", file=sys.stderr)
        finally:
            with suppress(AssertionError):
                processes.close()


def _started(broker: Broker, processes: Processes, delay: str, to: str, ports: int) -> list[str | int | Path]:
    """Start all but Locust; return its options."""
    url, mongo = broker.start(processes)
    deaf = free_port()
    first = start_listener(processes, ports + 1, delay, deaf)
    inspector = processes.start(
        *("python", "setup_scripts/inspector", "--process-name", broker.process, "--port", 0), name="inspector"
    ).wait_for(LISTENING)[1]
    at = {"first": first, "deaf": deaf, "refused": free_port(), "slow": f"{first}-{first + ports - 1}"}
    slow = to.format(**{name: f"http://127.0.0.1:{port}" for name, port in at.items()})
    if not broker.needs_mongo:
        urls = [slow, f"http://127.0.0.1:{first + ports}/notify"]
    else:  # an Orion's healthy subscribers are at the first address
        urls = [slow] if str(first) in slow else [f"http://127.0.0.1:{first}/notify/500", slow]
    options: list[str | int | Path] = ["--headless", "--only-summary", "--force", "--host", url, *mongo]
    return [*options, "--inspector", f"127.0.0.1:{inspector}", "--notify-url", ",".join(urls)]


def _met(run: Recorded) -> list[str]:
    notified, doubled, _ = run.arrived
    healthy = [_ms(run.figures.get("healthy_max")), run.same(10)]
    counts = [f"{notified} of {SUBSCRIPTIONS}", str(doubled)]
    return [*healthy, run.slowest, *counts, run.verdict.outcome, run.causes]


def _costs(rows: Sequence[Row], wanted: int) -> list[str]:
    """Return the most held, what each of them costs, and the most in all; "-" if unknown."""
    held = max((row.listener.held or 0 for row in rows if row.listener and row.since_trigger >= 0), default=0)
    units = {"fds": 1, "threads": 1, "rss": 1e6}
    each = [per_notification(rows, min(wanted, held), figure) if held > 1 else None for figure in units]
    most = [
        max((value for row in rows if (value := getattr(row.connections, figure, None)) is not None), default=None)
        for figure in units
    ]
    cells = [*zip(each, units.values(), (1, 1, 2), strict=True), *zip(most, units.values(), (0, 0, 0), strict=True)]
    return [str(held), *(_number(None if value is None else value / unit, digits) for value, unit, digits in cells)]


def _breaks(steps: Sequence[Step]) -> list[str]:
    """Return the smallest number at which each client fails, as it does at all larger ones that were tried."""
    judged = sorted((step for step in steps if step.verdict.outcome in (PASS, FAIL)), key=attrgetter("subscriptions"))
    cells = [breaks_at(judged, client) for client in CLIENTS]
    failed = [step for step in judged if step.verdict.outcome == FAIL]
    causes = ", ".join(cause.cause for step in failed[:1] for cause in step.verdict.causes)
    held = max((round(step.verdict.figures.get("listener_held") or 0) for step in judged), default=0)
    return [*cells, str(held), causes or "-"]


def breaks_at(judged: Sequence[Step], client: str) -> str:
    """Return from which of the numbers that were tried on the client always fails, and the one before."""
    outcomes = [
        (step.subscriptions, {each.outcome for each in step.verdict.criteria if each.name == client}) for step in judged
    ]
    known = [(number, FAIL in outcome) for number, outcome in outcomes if outcome]
    if not known:
        return "-"
    broken = [*takewhile(itemgetter(1), reversed(known))]
    if not broken:
        return f"none up to {known[-1][0]}"
    kept = known[: -len(broken)]
    return f"{broken[-1][0]}" + (f", not {kept[-1][0]}" if kept else "")


def _at_once(run: Recorded, updates: int) -> list[str]:
    lost = f"{max(0, updates - run.arrived[2])} of {updates}"
    healthy = [_ms(run.figures.get("healthy_max")), run.same(10 * updates)]
    answered = _ms(run.figures.get("trigger_latency"))
    return [answered, lost, *healthy, run.slowest, run.verdict.outcome, run.causes]


def _head(names: Sequence[str]) -> None:
    print(f"\n| {' | '.join(names)} |\n|{' --- |' * len(names)}", flush=True)


def _line(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def _ms(value: float | None) -> str:
    return "-" if value is None else duration(value)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    main()
