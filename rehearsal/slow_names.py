"""python -m rehearsal.slow_names N PROGRAM [options]: runs a Python program with a slow name server.

Every N-th look-up of a name takes 5 s. Addresses are not looked up.
"""

from __future__ import annotations

import itertools
import runpy
import socket
import sys
import time
from typing import Any

from rehearsal.network import SLOW


def main() -> None:
    """Run the program in this process."""
    each, lookups, look_up = int(sys.argv[1]), itertools.count(1), socket.getaddrinfo

    def slow(host: Any, *rest: Any, **named: Any) -> Any:
        if isinstance(host, str) and not host[:1].isdigit() and next(lookups) % each == 0:
            time.sleep(SLOW)
        return look_up(host, *rest, **named)

    socket.getaddrinfo = slow
    sys.argv = sys.argv[2:]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
