"""argparse actions for options that need more than their last value."""

from __future__ import annotations

import os
import re
from argparse import Action, ArgumentError, ArgumentParser, Namespace, _AppendAction, _StoreTrueAction
from typing import Any

from scenario.settings.secrets import CREDENTIALS, hide


class Json(Action):
    """`--json` is Locust's flag; `--json FILE` is our option."""

    def __call__(self, _parser: ArgumentParser, namespace: Namespace, text: Any, *_: Any) -> None:
        if text.lower() in ("", "true", "false"):  # a flag in a file
            namespace.json = text.lower() != "false"
        else:
            namespace.result = text


NO_UTF_8 = "[\ud800-\udfff]"  # how Python decodes bytes that are not UTF-8


class WebLogin(_StoreTrueAction):
    """`--web-login`, with the user and password of the environment; Locust alone has none."""

    def __call__(self, parser: ArgumentParser, namespace: Namespace, *rest: Any) -> None:
        """Set the flag. Raises ArgumentError if user or password is missing."""
        missing = [name for name in CREDENTIALS if not os.environ.get(name)]
        if missing:
            sentence = f"needs user and password in the environment; {' and '.join(missing)} not set"
            raise ArgumentError(self, sentence)
        if unreadable := [name for name in CREDENTIALS if re.search(NO_UTF_8, os.environ[name])]:
            raise ArgumentError(self, f"needs user and password in UTF-8; {' and '.join(unreadable)} is not")
        hide(os.environ[CREDENTIALS[1]])
        super().__call__(parser, namespace, *rest)


class Join(_AppendAction):
    """`--notify-url A --notify-url B,C` becomes "A,B,C": one text for the web form and for msgpack."""

    between = ","

    def __call__(
        self, parser: ArgumentParser, namespace: Namespace, text: Any, option_string: str | None = None
    ) -> None:
        """Append a text to the earlier ones; the first replaces the default."""
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, text if before is self.default else f"{before}{self.between}{text}")


class JoinLines(Join):
    """Join with line feeds, because a header may contain commas."""

    between = "\n"
