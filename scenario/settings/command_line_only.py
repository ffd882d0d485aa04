"""Options that destroy or run something: on the command line only, never in the environment, a file or a page."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

COMMAND_LINE_ONLY = {
    "--restart-command": "shell command, run on this host, that restarts the broker before each further step of a ramp",
    "--drop-foreign": "drop the database of this name even if it holds data that does not belong to this test",
}


def is_refused(key: str) -> bool:
    """Whether an option is not allowed in a file."""
    return f"--{key.removeprefix('--').replace('_', '-')}" in COMMAND_LINE_ONLY


def problem_of(parsed: Namespace, arguments: Sequence[str] | None = None) -> str:
    """Return a sentence that names such an option if it does not come from the arguments, or "".

    `arguments` None means those of this process. They are parsed again by themselves, because the parser also turns the
    environment and files into arguments.
    """
    alone = ArgumentParser(add_help=False)
    for flag in COMMAND_LINE_ONLY:
        alone.add_argument(flag, default="")
    typed, _ = alone.parse_known_args(sys.argv[1:] if arguments is None else list(arguments))
    for flag in COMMAND_LINE_ONLY:
        name = flag[2:].replace("-", "_")
        variable = f"LOCUST_{name.upper()}"
        if os.environ.get(variable):
            return f"argument {flag}: works on the command line only: unset {variable}"
        if getattr(parsed, name) != getattr(typed, name):
            return f"argument {flag}: works on the command line only, not in the environment or a file"
    return ""
