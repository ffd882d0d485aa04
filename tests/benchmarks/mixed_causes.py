"""python -m tests.benchmarks.mixed_causes [NUMBER [SEED]]: rehearses two faults at a time, chosen at random.

Prints how often each cause was named for which faults as a Markdown table, and what was wrong: a PASS with a fault that
was there, or a cause that was not. Exit code 1 then. Three at a time, 12 s each after the trigger: 100 (the default)
take about fifteen minutes on two cores.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from scenario.verdict.causes import CAUSES
from tests.support.processes import ROOT

SCRIPT = str(ROOT / "setup_scripts" / "rehearse.sh")
SIZES = ("--subscriptions", "350", "--duration", "12s")  # 1,050 descriptors: more than select() can watch
IMPLIED = {  # what a fault brings about besides: no wrong name
    "out-of-memory": {"broker-dies", "broker-restarts"},
    "threads": {"transient"},  # threads:transient
    "overloaded": {"slow"},
}
_NAMES = {cause.sentence: cause.name for cause in CAUSES}
_ENVIRONMENT = {**os.environ, "LOCUST_SKIP_MONKEY_PATCH": ""}  # which tests/__init__.py sets for this process


@dataclass(frozen=True)
class Rehearsed:
    """What was done, and what the verdict named; `named` has "unknown" for what is no cause of the table."""

    faults: tuple[str, str]
    code: int
    named: tuple[str, ...]
    last_words: str

    @property
    def wrong(self) -> str:
        """Say what is wrong with the verdict; empty when nothing is."""
        there = {fault.partition(":")[0] for fault in self.faults}
        there |= {implied for fault in there for implied in IMPLIED.get(fault, ())}
        if self.code == 0:
            return "PASS"
        if self.code not in {1, 4} and not self.named:
            return f"exit code {self.code}: {self.last_words}"
        return ", ".join(sorted({*self.named} - there - {"unknown"}))


def names() -> list[str]:
    """Return what `--cause list` lists, other ways to a cause included."""
    listed = subprocess.run(["sh", SCRIPT, "--cause", "list"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^([a-z:-]+)  ", listed, re.MULTILINE)


def mixtures(number: int, seed: int) -> Iterator[tuple[str, str]]:
    """Choose so many pairs of faults; the same for the same seed."""
    chance, faults = random.Random(seed), names()
    for _ in range(number):
        one, other = chance.sample(faults, 2)
        yield one, other


def rehearse(faults: tuple[str, str]) -> Rehearsed | None:
    """Run a rehearsal with two faults; None where they cannot be had together."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["sh", SCRIPT, *SIZES, "--output", folder, "--cause", faults[0], "--cause", faults[1]]
        run = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=_ENVIRONMENT)
    told = re.findall(r"  cause: (.*?) \(", run.stdout + run.stderr)
    if run.returncode == 2 and "cannot both be had" in run.stderr:
        return None
    named = tuple(name for sentence in told for name in _named(sentence, faults))
    words = re.findall(r"Verdict: .*\n.*?\|   (.*)", run.stdout + run.stderr) or run.stderr.splitlines()[-1:]
    return Rehearsed(faults, run.returncode, named, " ".join(words))


def _named(sentence: str, faults: tuple[str, str]) -> list[str]:
    """Return the names of a cause's sentence; of "one of: a or b" those that were there, or else all."""
    if found := re.match(r"(?:one of:|perhaps) ([a-z, -]+?);", sentence + ";"):
        several = re.split(r", | or ", found[1])
        return [name for name in several if name in {fault.partition(":")[0] for fault in faults}] or several
    return [_NAMES.get(sentence, "unknown")]


def main() -> int:
    """Print the table and what was wrong."""
    words = dict(enumerate(sys.argv))
    number, seed = int(words.get(1, "100")), int(words.get(2, "1"))
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    wrong = []
    with ThreadPoolExecutor(3) as crew:
        for done in crew.map(rehearse, mixtures(number, seed)):
            if done is None:
                continue
            print(done, file=sys.stderr, flush=True)
            if done.wrong:
                wrong.append(f"{' + '.join(done.faults)}: {done.wrong}")
            for fault in done.faults:
                counts[fault].update({*done.named} or {"nothing"})
    columns = sorted({name for counter in counts.values() for name in counter})
    print(f"| fault | {' | '.join(columns)} |\n| --- {'| --- ' * len(columns)}|")
    for fault, counter in sorted(counts.items()):
        print(f"| `{fault}` | {' | '.join(str(counter[name] or '') for name in columns)} |")
    print("\n".join(["", *(f"wrong: {text}" for text in wrong)]))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
