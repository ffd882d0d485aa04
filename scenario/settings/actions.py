"""Options that are more than their last value: argparse's actions for them."""

from __future__ import annotations

import os
import re
from argparse import Action, ArgumentError, ArgumentParser, Namespace, _AppendAction, _StoreTrueAction
from typing import Any

from scenario.settings.secrets import CREDENTIALS, hide


class Json(Action):
    """`--json` is Locust's flag, `--json FILE` an option of ours."""

    def __call__(self, _parser: ArgumentParser, namespace: Namespace, text: Any, *_: Any) -> None:
        if text.lower() in ("", "true", "false"):  # as a file has flags
            namespace.json = text.lower() != "false"
        else:
            namespace.result = text


NO_UTF_8 = "[\ud800-\udfff]"  # how Python shows such bytes of the environment


class WebLogin(_StoreTrueAction):
    """`--web-login`, which needs to know who may log in; Locust leaves that to its users."""

    def __call__(self, parser: ArgumentParser, namespace: Namespace, *rest: Any) -> None:
        """Set it, or say what is missing."""
        missing = [name for name in CREDENTIALS if not os.environ.get(name)]
        if missing:
            sentence = f"takes user and password from the environment; {' and '.join(missing)} not set"
            raise ArgumentError(self, sentence)
        if unreadable := [name for name in CREDENTIALS if re.search(NO_UTF_8, os.environ[name])]:
            raise ArgumentError(self, f"takes user and password in UTF-8; {' and '.join(unreadable)} is not")
        hide(os.environ[CREDENTIALS[1]])
        super().__call__(parser, namespace, *rest)


class Join(_AppendAction):
    """`--notify-url A --notify-url B,C` -> "A,B,C": one text, which the web form can show and msgpack carry."""

    between = ","

    def __call__(
        self, parser: ArgumentParser, namespace: Namespace, text: Any, option_string: str | None = None
    ) -> None:
        """Add a text to those before it; the first takes the default's place."""
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, text if before is self.default else f"{before}{self.between}{text}")


class JoinLines(Join):
    """The same with line feeds: a header may have commas."""

    between = "\n"
