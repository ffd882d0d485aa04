"""`--config-file FILE`: Locust's `--config`, but a mistake in the file is named instead of ignored.

[tool.locust]
host = "http://orion:1026"
notify-url = ["http://listener1:8090/notify", "http://listener2:8090/notify"]
"""

from __future__ import annotations

import io
import re
import tomllib
from argparse import Action, ArgumentParser, _AppendAction
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TextIO

from locust.argument_parser import LocustConfigParser

from configargparse import ConfigFileParserException

from scenario.settings.command_line_only import is_refused

_SECTION = "[tool.locust]"
_LARGEST = 1_000_000  # characters
_SHARED = "pyproject.toml"  # Locust reads it from its folder; most have no options for Locust
_NO_KEYS = ("config", "config-file", "help", "version")


def add_config_file(parser: ArgumentParser) -> None:
    """Add the option to Locust's parser (listener of `init_command_line_parser`)."""
    action = next(action for action in parser._actions if action.dest == "config")
    action.option_strings = [*action.option_strings, "--config-file"]
    parser._option_string_actions["--config-file"] = action
    vars(parser)["_config_file_parser"] = _ConfigFile(parser)


class _ConfigFile:
    """Reads files as Locust does. A message never repeats a value, because it may be a secret.

    Wrong values and bad TOML are Locust's to report. What is refused here, Locust takes in silence, or it answers with
    a traceback or with the value.
    """

    def __init__(self, parser: ArgumentParser) -> None:
        self._actions = parser._actions  # the same list: options are added later

    def parse(self, stream: TextIO) -> Mapping[str, Any]:
        """Return the options in a file. Raises ConfigFileParserException: Locust prints it and exits with code 2."""
        name = stream.name
        try:
            text = io.StringIO(stream.read(_LARGEST))
            text.name = name
            too_long = f"is longer than {_LARGEST} characters" if stream.read(1) else ""
            problem = too_long or _misplaced(text.getvalue(), name)
            found = {} if problem else LocustConfigParser().parse(text)
            problem = problem or self._wrong(found)
        except UnicodeError:
            problem = "is not UTF-8 text"
        except (RecursionError, ValueError):
            problem = "is nested too deeply, or contains a number that is too long"
        except ConfigFileParserException as error:
            problem = str(error).split(f" in {name}")[0]  # the rest is the line itself, which may have a secret
        if problem:
            raise ConfigFileParserException(f"{name}: {problem}")
        return found

    def _wrong(self, found: Mapping[str, Any]) -> str:
        known = {word[2:]: action for action in self._actions for word in action.option_strings if word[:2] == "--"}
        held = {name for name in known.keys() - _NO_KEYS if not is_refused(name)}
        for key, value in found.items():
            if is_refused(key):
                return f"{key} works on the command line only"
            if (name := key.removeprefix("--")) not in held:
                nearest = get_close_matches(key, held, n=1, cutoff=0.0)[0]
                return f"{key} is not an option for a file; did you mean {nearest}?"
            if isinstance(value, list) and not _takes_list(known[name]):
                return f"{key} takes one value, not a list"
        return ""


def _takes_list(action: Action) -> bool:
    return action.nargs in ("+", "*") or isinstance(action, _AppendAction)


def _is_plain(value: object) -> bool:
    values = value if isinstance(value, list) else [value]
    return all(isinstance(each, str | int | float) for each in values)


def _misplaced(text: str, name: str) -> str:
    """Return a sentence about keys that Locust would silently ignore, or ""."""
    if not name.endswith(".toml"):
        keys = re.findall(r"^[ \t]*(?:--)?([^\s:=;#\[-][^\s:=;#]*)", text, re.MULTILINE)
        again = next((key for key in keys if keys.count(key) > 1), "")
        return again and f"has {again} more than once; write a list as {again} = [..., ...]"
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return ""  # Locust reports it
    if Path(name).name == _SHARED:
        return ""
    options = content["tool"].get("locust") if isinstance(content.get("tool"), dict) else None
    if not isinstance(options, dict):
        return f"has no section {_SECTION} for the options"
    odd = next((key for key, value in options.items() if not _is_plain(value)), "")
    if odd:
        return f"{odd} takes a text, a number, true, false, or a list of these"
    lost = next((key for key, value in content.items() if not isinstance(value, dict)), "")
    return lost and f"{lost} must be below {_SECTION}"
