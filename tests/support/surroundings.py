"""What the preflight finds, for the tests: all as it should be for 100 subscriptions, and what may be different."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scenario.preflight.checks import Found
from tests.support.holds import options

ADDRESS = "localhost:8090"
COMMAND_LINE = "contextBroker -multiservice -statNotifQueue -httpTimeout 600000 -notificationMode threadpool:60000:100"
VERSION = '{"orion": {"version": "4.7.0"}}'


def process(command_line: str = COMMAND_LINE, **changed: object) -> dict[str, Any]:
    """Return the broker's process as the inspector tells of it."""
    return {
        "pid": 7,
        "name": "contextBroker",
        "command_line": command_line.split(),
        "to_listeners": {},
        "nofile": [20000, 20000],
        "nproc": [20000, 20000],
        "ephemeral_ports": [32768, 60999],
        **changed,
    }


def listener(delay: float = 300, nofile: int = 20000) -> dict[str, Any]:
    """Return a listener's stats."""
    return {"delay": delay, "timeout": 60.0, "limits": {"nofile_soft": nofile}}


def found(asked: Mapping[str, object], **changed: Any) -> Found:
    """Return what the preflight found for the options `asked`."""
    return Found(
        options(**asked),
        **{
            "absent_users": [],
            "version": VERSION,
            "process": process(),
            "listeners": {ADDRESS: listener()},
            **changed,
        },
    )
