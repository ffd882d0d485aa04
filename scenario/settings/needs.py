"""Limits that the broker needs. setup_scripts/needs.sh has the numbers and their reasons."""

from __future__ import annotations

import re
from pathlib import Path

_FILE = Path(__file__).resolve().parents[2] / "setup_scripts" / "needs.sh"
_NUMBERS = {name: int(number) for name, number in re.findall(r"^(\w+)=(\d+)", _FILE.read_text("utf-8"), re.MULTILINE)}

FDS_PER_NOTIFICATION = _NUMBERS["fds_per_notification"]
SPARE = _NUMBERS["spare"]
SPARE_WORKERS = _NUMBERS["spare_workers"]
