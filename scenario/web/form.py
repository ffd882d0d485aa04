"""The start form of the web UI. Options and preflight are checked before anything starts; the form shows problems."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cache
from typing import Any

from locust import argument_parser
from locust.env import Environment
from locust.runners import STATE_INIT
from locust.web import WebUI

import gevent
from flask import Response, jsonify, request
from gevent.lock import RLock

from scenario.errors import OptionError, PreflightError
from scenario.outputs.history import History
from scenario.preflight.checks import checks, require
from scenario.preflight.look_around import look_around
from scenario.settings.arguments import with_form
from scenario.settings.options import Options
from scenario.verdict.outcomes import PREFLIGHT

_FIRST_TICK = 30.0  # s; longer than the shape's preflight may take


def check_start_form(environment: Environment, web_ui: WebUI, history: History, secrets: Mapping[str, str]) -> None:
    """Put a check before Locust's POST /swarm, which accepts any option and answers 500 to a wrong number.

    What is refused is answered with success: false and a sentence; nothing is started then. POST /user could change
    any attribute of our users: it is answered 403.
    """
    assert web_ui.app is not None
    assert environment.runner is not None
    _parse_once()
    start, runner, one_at_a_time = web_ui.app.view_functions["locust.swarm"], environment.runner, RLock()

    def swarm() -> Any:
        with one_at_a_time:
            if runner.shape_greenlet:
                return refused("a run is under way: stop it first")
            try:
                _check(environment, secrets)
            except (OptionError, PreflightError) as problem:
                return refused(str(problem))
            answer = start()
            # The page leaves the form at our answer, and goes back to it when its first look finds STATE_INIT still.
            end = time.monotonic() + _FIRST_TICK
            while runner.shape_greenlet and runner.state == STATE_INIT and time.monotonic() < end:
                gevent.sleep(0.05)
            return refused(" ".join(history.reasons)) if history.state == PREFLIGHT else answer

    def refused(problem: str) -> Response:
        return jsonify({"success": False, "message": problem, "host": environment.host})

    def update_user() -> tuple[str, int]:
        return "users cannot be changed from the page\n", 403

    web_ui.app.view_functions["locust.swarm"] = web_ui.auth_required_if_enabled(swarm)
    web_ui.app.view_functions["locust.update_user"] = web_ui.auth_required_if_enabled(update_user)


def _parse_once() -> None:
    """Serve the page from the options at the start.

    Locust parses them for each GET /. If a file of theirs is gone by then, it would end the run with exit code 2.
    """
    locust: Any = argument_parser
    locust.ui_extra_args_dict = cache(argument_parser.ui_extra_args_dict)
    locust.ui_extra_args_dict()


def _check(environment: Environment, secrets: Mapping[str, str]) -> None:
    assert environment.parsed_options is not None
    options = Options.from_namespace(with_form(environment.parsed_options, request.form), secrets)
    require(checks(look_around(options)), options.force)  # the form may choose the user classes: the shape sees to them
