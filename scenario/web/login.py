"""`--web-login`: one user, whose name and password are in the environment; the page and its conventions are Locust's.

    LOCUST_WEB_USERNAME=me LOCUST_WEB_PASSWORD=... locust --web-login

The key that signs the sessions is made at the start: they end with this process.
"""

from __future__ import annotations

import hmac
import os
import secrets

from locust.web import WebUI

import gevent
from flask import Blueprint, redirect, request, session, url_for
from flask_login import UserMixin, login_user
from werkzeug.wrappers import Response

from scenario.settings.secrets import CREDENTIALS

_WRONG = 1.0  # s that a wrong password costs


class _User(UserMixin):  # type: ignore[misc]
    def __init__(self, name: str) -> None:
        self.id = name


def add_login(web_ui: WebUI, base_path: str) -> None:
    """Let the one user in, and nobody else."""
    expected = [os.environ[name] for name in CREDENTIALS]  # they are there: scenario.settings.arguments
    app = web_ui.app
    assert app is not None
    app.secret_key = secrets.token_bytes(32)
    app.config.update(
        SESSION_COOKIE_NAME=f"connections_{web_ui.port}",  # of a host all ports share the cookies
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_SECURE=bool(web_ui.tls_cert),
    )
    web_ui.login_manager.user_loader(lambda name: _User(name) if name == expected[0] else None)
    web_ui.auth_args = {"username_password_callback": f"{base_path}/login_submit"}
    blueprint = Blueprint("connections_login", __name__, url_prefix=base_path or None)

    @blueprint.post("/login_submit")
    def submit() -> Response:
        given = request.form.get("username", ""), request.form.get("password", "")
        right = [hmac.compare_digest(a.encode(), b.encode()) for a, b in zip(given, expected, strict=True)]
        if all(right):
            login_user(_User(expected[0]))
            return redirect(url_for("locust.index"))
        gevent.sleep(_WRONG)
        session["auth_error"] = "Wrong user name or password"
        return redirect(url_for("locust.login"))

    app.register_blueprint(blueprint)
