"""A run of several processes."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

from tests.support.processes import Process
from tests.support.stack import Stack, free_port


@dataclass
class Fleet:
    """A master and the ids of its two workers."""

    master: Process
    workers: list[int]


def start_fleet(stack: Stack, way: str, *options: str | int) -> Fleet:
    """Start a headless run with `--processes 2`, or with a master and two workers on their own."""
    port = free_port()
    bound = ("--master-bind-host", "127.0.0.1", "--master-bind-port", port)
    joined = ("--master-host", "127.0.0.1", "--master-port", port)
    if way == "processes":
        master = stack.locust("--processes", 2, *bound, *joined, *options)
    else:
        master = stack.locust("--master", "--expect-workers", 2, *bound, *options)
        workers = [stack.locust_process("--worker", *joined, "--report-log", stack.report_log) for _ in range(2)]
    master.wait_for("phase preflight", 40)
    if way == "processes":
        return Fleet(master, [child.pid for child in psutil.Process(master.pid).children()])
    return Fleet(master, [worker.pid for worker in workers])
