"""Limits and what is used of them, and the limits of the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from inspector.proc import number_in, table_of

if TYPE_CHECKING:
    from collections.abc import Iterator


class Limit(NamedTuple):
    """A limit, the used amount, and where it is set."""

    where: str
    limit: int
    used: int


def tightest_first(limits: list[Limit]) -> list[dict[str, Any]]:
    """Return limits for the answer, the one with the least left first."""
    return [limit._asdict() for limit in sorted(limits, key=lambda limit: limit.limit - limit.used)]


def limit_in(limit: str, used: str) -> Iterator[Limit]:
    """Yield the limit in two files: the limit itself and the used amount. Nothing if there is none."""
    most, now = number_in(limit), number_in(used)
    if most is not None and now is not None:
        yield Limit(limit, most, now)


def threads_of_host() -> Iterator[Limit]:
    """Yield the limits on threads of the whole host."""
    with open("/proc/loadavg", encoding="ascii") as file:
        used = int(file.read().split()[3].partition("/")[2])
    for name in ("threads-max", "pid_max"):
        if (most := number_in(f"/proc/sys/kernel/{name}")) is not None:
            yield Limit(f"sysctl kernel.{name}", most, used)


def memory_of_host() -> Iterator[Limit]:
    """Yield the memory of the host in bytes; nothing if the kernel does not report the available amount."""
    table = table_of("/proc/meminfo")
    if "MemAvailable" in table:
        total = int(table["MemTotal"][0])
        yield Limit("the host's memory", total * 1024, (total - int(table["MemAvailable"][0])) * 1024)
