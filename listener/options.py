"""The slow listener of the connections stress test. Options and durations as in Go, with one dash or two."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from listener.output import printable

SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
LONGEST = 2**63 / 1e9  # seconds: Go counts nanoseconds in an int64
TRUE, FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")


@dataclass(frozen=True)
class Options:
    """The listener's options; times in seconds."""

    delay: float
    stats: float
    timeout: float
    close: bool
    host: str
    ports: range
    deaf: int | None
    processes: int
    admin_any: bool


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Exit with code 2 and one line, without control characters."""
        self.exit(2, printable(f"{self.prog}: {message}") + "\n")


def duration(text: str) -> float:
    """Return the seconds of a Go duration such as `1m30s`; raise ArgumentTypeError for anything else."""
    if text == "0":
        return 0.0
    seconds = sum(float(number) * SECONDS[unit] for number, unit in PART.findall(text))
    if not re.fullmatch(f"(?:{PART.pattern})+", text, re.ASCII) or seconds > LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration such as 5m, 1m30s, 250ms or 0")
    return seconds


def ports(text: str) -> range:
    """Return the ports of `8090` or `8090-8093`; 0 asks for a free one. Raise ArgumentTypeError for anything else."""
    found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", text, re.ASCII)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if not first <= last <= 65535 or (last and not first):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535) or a range of ports such as 8090-8093")
    return range(first, last + 1)


def _port(text: str) -> range:
    if "-" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return ports(text)


def _boolean(text: str) -> bool:
    if text not in TRUE + FALSE:
        raise argparse.ArgumentTypeError(f"{text!r} is not true or false")
    return text in TRUE


def _processes(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,2}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes (1 to 999)")
    return int(text)


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Return the options in `arguments`; None: this process's own. Exits with code 2 and one line if one is wrong."""
    parser = _Parser("listener", description=__doc__, allow_abbrev=False, add_help=False)

    def flag(name: str, text: str, **settings: object) -> None:
        parser.add_argument(f"-{name}", f"--{name}", help=text, **settings)  # type: ignore[arg-type]

    flag("delay", "time between a notification to /notify and its answer (default 0)", type=duration, default=0.0)
    flag("stats", "time between two lines of statistics; 0 for none (default 5s)", type=duration, default=5.0)
    flag("port", "port, or a range such as 8090-8093; 0 picks a free port (default 8090)", type=ports, default="8090")
    limits = "longest time to read a request, or to stay idle after an answer; 0: none (default 30s)"
    flag("timeout", limits, type=duration, default=30.0)
    closes = "send Connection: close in the answer, then close (default false)"
    flag("close", closes, type=_boolean, nargs="?", const=True, default=False)
    deaf = "additional port that accepts nothing, as if its listen queue were full; 0 picks a free one (default: none)"
    flag("deaf", deaf, type=_port)
    hosts = "address or name to listen on (default: all addresses, IPv6 and IPv4)"
    flag("host", hosts, type=lambda text: text.strip("[]"), default="")
    flag("processes", "number of processes that share the ports (default 1)", type=_processes, default=1)
    admins = "who may use the paths below /-/: loopback (default) or any"
    flag("admin", admins, choices=("loopback", "any"), default="loopback")
    parser.add_argument("-h", "-help", "--help", action="help", help="show this text and exit")
    found = parser.parse_args(arguments)
    return Options(
        delay=found.delay,
        stats=found.stats,
        timeout=found.timeout,
        close=found.close,
        host=found.host,
        ports=found.port,
        deaf=found.deaf.start if found.deaf else None,
        processes=found.processes,
        admin_any=found.admin == "any",
    )
