"""A run with many connections: is there a row for every second, and on it?

    python -m tests.benchmarks.many_connections [connections] [seconds] [listener addresses]

The rehearsal broker runs without libcurl's socket pairs here, so that 15,000 connections need 15,000 descriptors.
Prints the verdict, the rows that are missing, how late rows were, and what an inspection took.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from tests.conftest import start_mongo
from tests.processes import Processes
from tests.stack import Stack, moment, verdict


def main() -> None:
    """Print what the run showed."""
    given = [int(text) for text in sys.argv[1:]]
    count, seconds, addresses = [*given, *[15_000, 60, 1][len(given) :]]
    with tempfile.TemporaryDirectory() as folder:
        processes = Processes(Path(folder))
        try:
            stack = Stack(processes, start_mongo(processes), Path(folder))
            stack.start("--old-libcurl", delay=f"{seconds // 2}s", idle="5s", workers=count)
            ports = [stack.listener_port]
            for _ in range(1, addresses):
                stack.start_listener(f"{seconds // 2}s", "5s")
                ports.append(stack.listener_port)
            urls = ",".join(f"http://127.0.0.1:{port}/notify" for port in ports)
            load = ("--subscriptions", count, "--duration", f"{seconds}s", "--notify-url", urls, "--force")
            run = stack.locust(*load, "--baseline", 3)
            run.wait(seconds + 300)
            rows = stack.rows()
            outcome, reasons = verdict(run)
            inspections = re.search(r"RPyC +inspect.*", run.output)
        finally:
            processes.close()
    print(f"{outcome}\n{reasons}")
    first = moment(rows[0])
    late = [moment(row) - first - number for number, row in enumerate(rows)]
    print(f"{len(rows)} rows for {seconds + 4} seconds, from {min(late) * 1000:.0f} to {max(late) * 1000:.0f} ms late")
    print(f"most established {max(int(row['established'] or 0) for row in rows)}")
    print(inspections[0] if inspections else "")


if __name__ == "__main__":
    main()
