"""What measuring costs: 10 healthy subscribers at a rate of 20, against none: are rows later, does holding cost more?

    python -m tests.benchmarks.measuring [subscriptions] [rounds]

Runs of the rehearsal stack, with and without in turn. Prints each, then the medians of the rounds and their ratios:
    row begins after, ms          its first probe after the whole second: median of a run's rows
    the latest row, ms            the same, of the one that was most late
    CPU per held one, us          of the listener, to take and to answer it, beyond what it spends on all else meanwhile
Exits with 1 when a run did not pass, or a ratio is above its bound (see BOUNDS).
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from scenario.replay import read
from scenario.run.records import Update
from scenario.run.samples import VersionSample
from tests.benchmarks.listener import cpu_seconds
from tests.support.processes import Processes
from tests.support.stack import SPARE, Stack, start_mongo, verdict

BASELINE, DURATION = 8, 16  # s
TAKEN, HELD = 4, 10  # s after the trigger: all notifications are there; they are answered
ASKED: dict[str, tuple[str | int, ...]] = {"without": ("--healthy", 0), "with": ("--healthy", 10, "--rate", 20)}
BOUNDS = {  # of the ratio; the latest row of all tells of the machine
    "row begins after, ms": 1.0,
    "the latest row, ms": None,
    "CPU per held one, us": 1.1,
}


def measure(folder: Path, count: int, asked: tuple[str | int, ...]) -> tuple[str, list[float]]:
    """Return the verdict of a run, and its figures in the order of BOUNDS."""
    processes = Processes(folder)
    try:
        stack = Stack(processes, start_mongo(processes), folder)
        stack.start("--old-libcurl", delay=f"{HELD}s", workers=count + SPARE)
        load = ("--subscriptions", count, "--baseline", BASELINE, "--duration", f"{DURATION}s")
        run, spent = stack.locust(*load, *asked), []
        while run.popen.poll() is None:
            spent.append((time.time(), cpu_seconds(stack.listener.pid)))
            time.sleep(0.1)
        records = [record for record, _ in read(f"{stack.prefix}_run.jsonl")]
        after = [1000 * (record.at - record.second) for record in records if isinstance(record, VersionSample)]
        trigger = next(record.at for record in records if isinstance(record, Update))
        outcome, reasons = verdict(run)
        if outcome != "PASS":
            print(reasons)
        return outcome, [statistics.median(after), max(after), held_cost(spent, trigger) / count * 1e6]
    finally:
        processes.close()


def held_cost(spent: list[tuple[float, float]], trigger: float) -> float:
    """Return the CPU seconds of taking and answering: what goes beyond the level at rest and while all are held.

    `spent` has moments, s since the epoch, and the CPU seconds spent until then.
    """

    def within(begin: float, end: float) -> tuple[float, float]:
        points = [point for point in spent if begin <= point[0] - trigger <= end]
        return points[-1][0] - points[0][0], points[-1][1] - points[0][1]

    steady = [within(2 - BASELINE, -0.5), within(TAKEN, HELD - 0.5)]
    level = sum(cpu for _, cpu in steady) / sum(span for span, _ in steady)
    busy = [within(-0.5, TAKEN), within(HELD - 0.5, DURATION - 0.5)]
    return sum(cpu - level * span for span, cpu in busy)


def main() -> None:
    """Print the medians side by side."""
    count, rounds = [*map(int, sys.argv[1:]), *[2000, 5][len(sys.argv) - 1 :]]
    runs: dict[str, list[list[float]]] = {name: [] for name in ASKED}
    kept = True
    for _ in range(rounds):
        for name, asked in ASKED.items():
            with tempfile.TemporaryDirectory() as folder:
                outcome, figures = measure(Path(folder), count, asked)
            print(f"{name:<8} {outcome} " + " ".join(f"{value:8.1f}" for value in figures), flush=True)
            runs[name].append(figures)
            kept &= outcome == "PASS"
    for number, (title, bound) in enumerate(BOUNDS.items()):
        without, beside = (statistics.median(figures[number] for figures in runs[name]) for name in ASKED)
        print(f"{title:<22} without {without:8.2f}  with {beside:8.2f}  ratio {beside / without:.2f}")
        kept &= bound is None or beside <= bound * without
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
