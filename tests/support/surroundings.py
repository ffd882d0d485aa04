"""What the preflight finds, for the tests: all is right for 100 subscriptions, with changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scenario.peers.database import Contents
from scenario.peers.inspection import Inspection
from scenario.peers.listeners import ListenerLimits, ListenerStats
from scenario.run.found import Found
from tests.support.holds import options
from tests.support.inspector import inspection

ADDRESS = "localhost:8090"
COMMAND_LINE = (
    "contextBroker -multiservice -statNotifQueue -httpTimeout 600000 -notificationMode threadpool:60000:100 "
    "-subCacheIval 0"
)
VERSION = '{"orion": {"version": "4.7.0"}}'


def process(command_line: str = COMMAND_LINE, **changed: object) -> Inspection:
    """Return the inspector's answer about the broker's process."""
    return inspection(command_line=tuple(command_line.split()), **changed)


def listener(delay: float = 300, nofile: int = 20000) -> ListenerStats:
    """Return a listener's stats."""
    return ListenerStats(0, 0, 0, 0, 0, delay=delay, timeout=60.0, limits=ListenerLimits(nofile))


def found(asked: Mapping[str, object], **changed: Any) -> Found:
    """Return what the preflight found for the options `asked`."""
    seen = {
        "version": VERSION,
        "process": process(),
        "listeners": {ADDRESS: listener()},
        "contents": Contents(0),
        "open_files": 1024,
        **changed,
    }
    return Found(options(**asked), **seen)
