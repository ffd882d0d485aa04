"""What destroys or runs something is taken from the command line alone: no environment, file or page has it done."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

COMMAND_LINE_ONLY = {
    "--restart-command": "shell command, run here, that restarts the broker before each further step of a ramp",
    "--drop-foreign": "drop the database of this name although it holds what is not this test's",
}


def is_refused(key: str) -> bool:
    """Tell whether a file may not hold an option."""
    return f"--{key.removeprefix('--').replace('_', '-')}" in COMMAND_LINE_ONLY


def problem_of(parsed: Namespace, arguments: Sequence[str] | None = None) -> str:
    """Return in a sentence which of these came from elsewhere than the arguments (None: this process's own), if any.

    They are parsed again by themselves: environment and files become arguments too, whatever option they were for.
    """
    alone = ArgumentParser(add_help=False)
    for flag in COMMAND_LINE_ONLY:
        alone.add_argument(flag, default="")
    typed, _ = alone.parse_known_args(sys.argv[1:] if arguments is None else list(arguments))
    for flag in COMMAND_LINE_ONLY:
        name = flag[2:].replace("-", "_")
        variable = f"LOCUST_{name.upper()}"
        if os.environ.get(variable):
            return f"argument {flag}: is taken from the command line alone, so {variable} may not be set"
        if getattr(parsed, name) != getattr(typed, name):
            return f"argument {flag}: is taken from the command line alone, not from the environment or a file"
    return ""
