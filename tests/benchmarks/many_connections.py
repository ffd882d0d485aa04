"""A run with many connections: is there a row for every second, and on it?

    python -m tests.benchmarks.many_connections [connections] [seconds] [listener addresses]

The rehearsal broker runs without libcurl's socket pairs here, so that 15,000 connections need 15,000 descriptors; where
that is more than one process may open, they are spread over several. Each listener holds its share in one process.
Prints the verdict, the rows that are missing, how late rows were, what an inspection took and how fast it was seeded;
exit code 1 when the verdict is not PASS or a row is missing.
"""

from __future__ import annotations

import re
import resource
import sys
import tempfile
from pathlib import Path

from tests.support.processes import Processes
from tests.support.stack import Stack, moment, start_mongo, verdict

SPARE = 300  # descriptors of a process for everything but notifications
AROUND = 4  # rows beside those of the duration: 3 of the baseline, and the last


def run(folder: Path, count: int, seconds: int, addresses: int) -> tuple[str, list[dict[str, str]]]:
    """Return what the run printed, and its rows."""
    sender_processes = -(-count // (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE))
    processes = Processes(folder)
    try:
        stack = Stack(processes, start_mongo(processes), folder)
        broker = ("--old-libcurl", "--sender-processes", sender_processes, "-subCacheIval", 5)
        stack.start(*broker, delay=f"{seconds // 2}s", idle="5s", workers=count)
        load: list[str | int] = ["--subscriptions", count, "--duration", f"{seconds}s", "--force"]
        for _ in range(1, addresses):  # the stack itself names the last one; named twice it would be counted twice
            load += ["--notify-url", f"http://127.0.0.1:{stack.listener_port}/notify"]
            stack.start_listener(f"{seconds // 2}s", "5s")
        locust = stack.locust(*load, "--baseline", AROUND - 1)
        locust.wait(seconds + 300)
        print("{}\n{}".format(*verdict(locust)))
        return locust.output, stack.rows()
    finally:
        processes.close()


def main() -> None:
    """Print what the run showed."""
    given = [int(text) for text in sys.argv[1:]]
    count, seconds, addresses = [*given, *[15_000, 60, 1][len(given) :]]
    with tempfile.TemporaryDirectory() as folder:
        output, rows = run(Path(folder), count, seconds, addresses)
    first, expected = moment(rows[0]), seconds + AROUND
    late = [moment(row) - first - number for number, row in enumerate(rows)]
    print(f"{len(rows)} rows for {expected} seconds, from {min(late) * 1000:.0f} to {max(late) * 1000:.0f} ms late")
    print(f"most established {max(int(row['established'] or 0) for row in rows)}")
    for pattern in ("RPyC +inspect.*", r"seed: \d+ of .*"):
        print("\n".join(re.findall(pattern, output)))
    complete = [int(row["second"]) for row in rows] == list(range(1 - AROUND, seconds + 1))
    sys.exit(0 if "Verdict: PASS\n" in output and complete else 1)


if __name__ == "__main__":
    main()
