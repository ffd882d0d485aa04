"""The start form of the web UI: our options are checked before anything starts, and a bad one is said in the form."""

from __future__ import annotations

from typing import Any

from locust.env import Environment
from locust.web import WebUI

from flask import Response, jsonify, request

from scenario.options import check


def check_start_form(environment: Environment, web_ui: WebUI) -> None:
    """Put a check before Locust's POST /swarm, which answers 500 to a text where a number was."""
    assert web_ui.app is not None
    start = web_ui.app.view_functions["locust.swarm"]

    def swarm() -> Any:
        try:
            check(request.form)
        except ValueError as problem:
            return _refused(environment, str(problem))
        if environment.runner is not None and environment.runner.state in ("spawning", "running"):
            return _refused(environment, "a run is under way: stop it first")
        return start()

    web_ui.app.view_functions["locust.swarm"] = web_ui.auth_required_if_enabled(swarm)


def _refused(environment: Environment, problem: str) -> Response:
    return jsonify({"success": False, "message": problem, "host": environment.host})
