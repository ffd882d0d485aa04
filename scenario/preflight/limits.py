"""Limits of the broker's process and its container: descriptors, threads, memory, CPU.

The cost of a held notification was measured. Orion 3.10.1 with libcurl 7.88 needs 3 descriptors: a socket, and the
wake-up pair of its handle. Orion 4.7.0 with 5,000 held needs 168 MB more than at rest with a pool of workers, and
472 MB with a thread for each notification.
"""

from __future__ import annotations

from collections.abc import Iterator

from scenario.peers import kind_of
from scenario.peers.inspection import Inspection
from scenario.run.found import Found
from scenario.run.results import WARNING, Check
from scenario.settings.needs import SPARE, SPARE_WORKERS
from scenario.settings.options import Options

POOLED, TRANSIENT = 34_000, 94_000  # bytes
_MB = 1_000_000


def descriptors(options: Options, each: float | None = None) -> int:
    """Return how many descriptors the broker needs, including healthy subscribers and idle clients.

    Healthy notifications take the spare workers in turn, and a worker that was used once keeps what it took.
    """
    each = kind_of(options).fds_each if each is None else each
    return round((options.load.notifications + SPARE_WORKERS) * each) + options.load.idle_connections + SPARE


def check_limits(found: Found) -> Iterator[Check]:
    """Compare the limits with what the held notifications need."""
    process, kind = found.process, kind_of(found.options)
    wanted = found.options.load.notifications
    if process is None:
        return
    needed = descriptors(found.options)
    others = SPARE + found.options.load.idle_connections
    why = f"{needed}: {wanted} notifications and {SPARE_WORKERS} healthy ones x {kind.fds_each} + {others}"
    remedy = f"start the broker after ulimit -n {needed}"
    enough = process.nofile is None or process.nofile >= needed
    shown = "unlimited" if process.nofile is None else process.nofile
    yield Check.judged("broker's open files", enough, shown, why, remedy, found.too_small)
    if process.threads_limits and kind.threads_each:
        limit, threads = process.threads_limits[0], wanted + SPARE
        left = limit.limit - limit.used + process.threads
        text, why = f"{left} of {limit.limit} ({limit.where})", f"{threads}: a thread per notification + {SPARE}"
        yield Check.judged("broker's threads", left >= threads, text, why, limit.remedy(threads), WARNING)
    if kind.threads_each:
        yield from _memory(
            process, wanted, POOLED if found.command_line.pool(found.options.broker.service) else TRANSIENT
        )
    if process.cpus is not None and process.cpus < 1:
        remedy = "raise its CPU quota (--cpus, resources.limits.cpu), unless you want to test this"
        yield Check(
            "broker's CPUs", WARNING, f"{process.cpus:g}", "1 or more; with less it has to wait for CPU", remedy
        )


def _memory(process: Inspection, wanted: int, each: int) -> Iterator[Check]:
    """Warn of a limit that is certainly too low. The group's cache does not count, because it can be freed."""
    if not process.memory_limits:
        return
    limit, needed = min(process.memory_limits, key=lambda limit: limit.limit), process.rss + wanted * each
    if limit.limit < needed:
        shown = f"{limit.limit // _MB} MB ({limit.where})"
        why = f"{needed // _MB} MB: {process.rss // _MB} MB, and {each // 1000} kB per notification"
        remedy = f"raise {limit.where}: --memory of a container, resources.limits.memory of a pod"
        yield Check("broker's memory", WARNING, shown, why, remedy)
