"""The control groups of a process and their limits: cgroups(7)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from inspector.limits import Limit, limit_in
from inspector.proc import highest, number_in, table_of

if TYPE_CHECKING:
    from collections.abc import Iterator

OOM_FILES = "memory.events", "memory.oom_control"  # of cgroups, version 2 and 1


class Cgroup:
    """The control groups of a process, version 1 and 2, from its own up to the topmost visible one."""

    def __init__(self, pid: int) -> None:
        self.pid, self.memberships = pid, ""
        self.folders: dict[str, list[str]] = {}

    def find(self) -> None:
        """Find the folders again if the process was moved. Raises OSError if the process is gone."""
        with open(f"/proc/{self.pid}/cgroup", encoding="utf-8") as file:
            memberships = file.read()
        if memberships != self.memberships:
            self.memberships, self.folders = memberships, {}
            for seen_by, root in ((self.pid, f"/proc/{self.pid}/root"), ("self", "")):  # a container's, then ours
                with suppress(OSError), open(f"/proc/{seen_by}/mountinfo", encoding="utf-8") as file:
                    self.folders.update(cgroup_folders(memberships, file.read(), root))

    def _of(self, controller: str) -> list[str]:
        return self.folders.get(controller) or self.folders.get("", [])

    def threads(self) -> Iterator[Limit]:
        """Yield each limit on threads; systemd calls it TasksMax."""
        for folder in self._of("pids"):
            yield from limit_in(f"{folder}/pids.max", f"{folder}/pids.current")

    def threads_refused(self) -> int | None:
        """Return how often a limit on threads has been hit."""
        return highest(table_of(f"{folder}/pids.events").get("max") for folder in self._of("pids"))

    def memory(self) -> Iterator[Limit]:
        """Yield each limit on memory in bytes. The used amount includes caches."""
        for folder in self._of("memory"):
            yield from limit_in(f"{folder}/memory.max", f"{folder}/memory.current")
            yield from limit_in(f"{folder}/memory.limit_in_bytes", f"{folder}/memory.usage_in_bytes")

    def oom_kills(self) -> int | None:
        """Return how many processes of its own group the kernel has killed because memory ran out."""
        tables = [table_of(f"{folder}/{name}") for folder in self._of("memory")[:1] for name in OOM_FILES]
        return highest(table.get("oom_kill") for table in tables)

    def cpus(self) -> float:
        """Return the CPUs that the tightest quota leaves."""
        quotas = [(float("inf"), 1)]
        for folder in self._of("cpu"):
            table = table_of(f"{folder}/cpu.max")
            quotas += [(int(quota), int(rest[0])) for quota, rest in table.items() if quota != "max"]
            quota, period = number_in(f"{folder}/cpu.cfs_quota_us"), number_in(f"{folder}/cpu.cfs_period_us")
            quotas += [(quota, period)] if quota and period else []
        return min(quota / period for quota, period in quotas)

    def throttled(self) -> dict[str, float | None]:
        """Return how long a quota made its threads wait, and in how many periods."""
        tables = [table_of(f"{folder}/cpu.stat") for folder in self._of("cpu")]
        microseconds = highest(table.get("throttled_usec") for table in tables)
        nanoseconds = highest(table.get("throttled_time") for table in tables)
        seconds = None if nanoseconds is None else nanoseconds / 1e9
        return {
            "throttled_seconds": seconds if microseconds is None else microseconds / 1e6,
            "throttled_periods": highest(table.get("nr_throttled") for table in tables),
        }


def cgroup_folders(memberships: str, mounts: str, root: str) -> dict[str, list[str]]:
    """Return the folders of a process's control groups by controller ("": version 2), its own first.

    `memberships` and `mounts` are proc_pid_cgroup(5) and proc_pid_mountinfo(5), seen below the folder `root`.
    """
    mounted, found = {}, {}  # type: dict[str, tuple[str, str]], dict[str, list[str]]
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            top, point = before.split()[3:5]
            names = options.split(",") if kind == "cgroup" else [""]
            mounted.update(dict.fromkeys(names, (top.rstrip("/"), point)))
    for line in memberships.splitlines():
        _, controllers, path = line.split(":", 2)
        for name in controllers.split(","):
            top, point = mounted.get(name, ("-", ""))
            parts = path[len(top) :].strip("/").split("/")
            if f"{path}/".startswith(f"{top}/") and ".." not in parts:
                folders = ["/".join([root + point, *parts[:n]]).rstrip("/") for n in range(len(parts), -1, -1)]
                found[name] = list(dict.fromkeys(folders))
    return found
