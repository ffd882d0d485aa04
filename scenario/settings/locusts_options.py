"""Locust's own options. Values that would end Locust with exit code 1 or a traceback are refused with exit code 2.

Exit code 1 would say that the broker failed.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from scenario.settings import values
from scenario.settings.command_line_only import problem_of
from scenario.settings.secrets import shown

_NUMBERS = {
    "num_users": values.whole(0, 1_000_000),
    "web_port": values.whole(0, 65_535),
    "master_port": values.whole(1, 65_535),
    "master_bind_port": values.whole(1, 65_535),
    "expect_workers": values.whole(1, 999),
    "expect_workers_max_wait": values.whole(0, 86_400),
    "processes": values.whole(-1, 999),
    "autoquit": values.whole(-1, 86_400),
    "exit_code_on_error": values.whole(0, 255),
}
_TIMES = ("run_time", "stop_timeout")


def check_locusts_options(parser: ArgumentParser) -> None:
    """Add checks that Locust does not have (listener of `init_command_line_parser`)."""
    for action in parser._actions:
        if action.dest in _NUMBERS:
            action.type = _NUMBERS[action.dest]
        elif action.dest in _TIMES:
            action.type = run_time
    for name, method in (("parse_args", _parse_args), ("error", _error)):
        vars(parser)[name] = method.__get__(parser)


def run_time(text: str) -> int:
    """Return the seconds of a time in Locust's notation: 20, 20s, 3m, 1h20m."""
    return round(values.seconds(f"{text}s" if text.isdecimal() else text))


def _parse_args(parser: Any, args: Sequence[str] | None = None, **rest: Any) -> Namespace:
    parsed: Namespace = type(parser).parse_args(parser, args=args, **rest)
    if problem := problem_of(parsed, args) or _contradiction(parsed):
        parser.error(problem)
    return parsed


def _contradiction(parsed: Namespace) -> str:
    if parsed.autoquit != -1 and not parsed.autostart:
        return "argument --autoquit: needs --autostart"
    if parsed.processes and parsed.master:
        return "argument --master: --processes starts its own master; use only one of them"
    if parsed.worker and parsed.master:
        return "argument --master: a process is either --master or --worker; use only one of them"
    if parsed.web_base_path and not parsed.web_base_path.startswith("/"):
        return f"argument --web-base-path: takes a path that starts with /, not {values.quoted(parsed.web_base_path)}"
    return ""


def _error(parser: Any, message: str) -> None:
    type(parser).error(parser, shown(message))  # without control characters
