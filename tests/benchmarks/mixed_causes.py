"""python -m tests.benchmarks.mixed_causes [NUMBER [SEED]]: rehearses two faults at a time, chosen at random.

Prints how each fault was named as a Markdown table, and what was wrong: a PASS with a fault that was there, or a cause
that was not; exit code 1 then. What was wrong or unknown is kept, for python -m scenario.replay. Three at a time, 12 s
each after the trigger: 100 (the default) take about fifteen minutes on two cores.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path

from tests.benchmarks.causes import ENVIRONMENT, SCRIPT

SIZES = ("--subscriptions", "350", "--duration", "12s")  # 1,050 descriptors: more than select() can watch
IMPLIED = {  # what a fault brings about besides: no wrong name
    "out-of-memory": {"broker-dies", "broker-restarts"},
    "threads": {"transient"},  # threads:transient
    "overloaded": {"slow"},
}
_NOT_TOGETHER = (  # no database for the earlier run; a Python in root's home, for the broker's other user to restart
    "cannot be combined|needs a localhost whose first address is ::1"
    "|leftovers: the broker answered (500|429)|PermissionError: .*bin/python"
)


@dataclass(frozen=True)
class Rehearsed:
    """A rehearsal of two faults, and the causes that the verdict named; "unknown": one that is not in the table."""

    faults: tuple[str, str]
    outcome: str
    named: tuple[str, ...]
    first_reason: str
    kept: str = ""  # the folder

    @property
    def causes(self) -> tuple[str, str]:
        """The causes of the faults, whichever way to them was taken."""
        one, other = (fault.partition(":")[0] for fault in self.faults)
        return one, other

    @property
    def wrong(self) -> str:
        """Say what is wrong with the verdict; empty when nothing is."""
        there = {*self.causes} | {implied for cause in self.causes for implied in IMPLIED.get(cause, ())}
        if self.outcome not in {"FAIL", "INCONCLUSIVE"}:
            return f"{self.outcome}: {self.first_reason}"
        return ", ".join(sorted({*self.named} - there - {"unknown"}))


def names() -> list[str]:
    """Return what `--cause list` lists, other ways to a cause included, but what passes."""
    listed = subprocess.run(["sh", SCRIPT, "--cause", "list"], capture_output=True, text=True, check=True).stdout
    return [name for name in re.findall(r"^([a-z:-]+)  ", listed, re.MULTILINE) if name != "gateway-idle"]


def mixtures(number: int, seed: int) -> Iterator[Rehearsed]:
    """Rehearse so many pairs of faults, the same for the same seed; yield them in their order."""
    with ThreadPoolExecutor(3) as crew:
        yield from crew.map(_mixture, repeat(names()), (f"{seed}/{each}" for each in range(number)))


def _mixture(faults: Sequence[str], seed: str) -> Rehearsed:
    """Rehearse the first pair that can be had together."""
    chance = random.Random(seed)
    while True:
        one, other = chance.sample(faults, 2)
        if done := rehearse((one, other)):
            return done


def rehearse(faults: tuple[str, str]) -> Rehearsed | None:
    """Run a rehearsal with two faults; None where they cannot be had together."""
    folder = Path(tempfile.mkdtemp(prefix="mixed-causes-"))
    file = folder / "result.json"
    options = ("--output", str(folder), "--cause", faults[0], "--cause", faults[1], "--", "--json", str(file))
    run = subprocess.run(
        ["sh", SCRIPT, *SIZES, *options], capture_output=True, text=True, timeout=240, check=False, env=ENVIRONMENT
    )
    if not file.exists():
        shutil.rmtree(folder)
        return None if re.search(_NOT_TOGETHER, run.stderr) else Rehearsed(faults, "no result", (), run.stderr)
    result = json.loads(file.read_text(encoding="utf-8"))
    named = tuple(name for cause in result["causes"] for name in _named(cause, faults))
    done = Rehearsed(faults, result["verdict"], named, result["reasons"][0]["text"], str(folder))
    if done.wrong or "unknown" in named:
        return done
    shutil.rmtree(folder)
    return replace(done, kept="")


def _named(cause: dict[str, str], faults: tuple[str, str]) -> list[str]:
    """Return the names of a cause; of "one of: a or b" those that were there, or else all."""
    if found := re.match(r"(?:one of:|perhaps) ([a-z, -]+?);", cause["sentence"]):
        several = re.split(r", | or ", found[1])
        return [name for name in several if name in {fault.partition(":")[0] for fault in faults}] or several
    return [cause["name"]]


def table(rehearsed: Iterable[Rehearsed]) -> Iterator[str]:
    """Yield the lines of the table: how often each cause was there and named, and beside which others it was not."""
    all_of_them = list(rehearsed)
    yield "| fault | times | named first | named later | not named, together with |"
    yield "| --- | --- | --- | --- | --- |"
    for cause in sorted({cause for done in all_of_them for cause in done.causes}):
        own = [done for done in all_of_them if cause in done.causes]
        first = sum(done.named[:1] == (cause,) for done in own)
        too = sum(cause in done.named[1:] for done in own)
        hidden = Counter(other for done in own if cause not in done.named for other in done.causes if other != cause)
        beside = ", ".join(f"`{name}`" + f" ({times})" * (times > 1) for name, times in sorted(hidden.items()))
        yield f"| `{cause}` | {len(own)} | {first or ''} | {too or ''} | {beside} |"


def main() -> int:
    """Print the table and what was wrong."""
    words = dict(enumerate(sys.argv))
    rehearsed = []
    for done in mixtures(int(words.get(1, "100")), int(words.get(2, "1"))):
        print(done, file=sys.stderr, flush=True)
        rehearsed.append(done)
    print("\n".join(table(rehearsed)))
    wrong = [f"wrong: {' + '.join(done.faults)}: {done.wrong} ({done.kept})" for done in rehearsed if done.wrong]
    unknown = [done for done in rehearsed if "unknown" in done.named]
    print(f"\n{len(rehearsed)} rehearsals: {len(wrong)} wrong, {len(unknown)} with something unknown")
    print("\n".join(wrong))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
