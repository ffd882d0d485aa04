"""`--web-login`: one user, with name and password in the environment. The page is Locust's.

    LOCUST_WEB_USERNAME=me LOCUST_WEB_PASSWORD=... locust --web-login

The key of the sessions is created at the start, so sessions end with this process.
"""

from __future__ import annotations

import hmac
import os
import secrets

from locust.web import WebUI

import gevent
from flask import Blueprint, redirect, request, session, url_for
from flask_login import UserMixin, login_user
from gevent.lock import BoundedSemaphore
from werkzeug.wrappers import Response

from scenario.settings.secrets import CREDENTIALS

_WRONG = 1.0  # s for each wrong password, one after the other
_MOST_WAITING = 8  # logins at one time; more are refused


class _User(UserMixin):  # type: ignore[misc]
    def __init__(self, name: str) -> None:
        self.id = name


def add_login(web_ui: WebUI, base_path: str) -> None:
    """Let only that user in; everyone else gets Locust's login page. Raises KeyError without name or password.

    A wrong password is answered after 1 s, one after the other. More than 8 logins at one time are answered 429.
    """
    expected = [os.environ[name] for name in CREDENTIALS]  # both are set: scenario.settings.actions checks it
    app = web_ui.app
    assert app is not None
    app.secret_key = secrets.token_bytes(32)
    app.config.update(
        SESSION_COOKIE_NAME=f"connections_{web_ui.port}",  # all ports of a host share cookies
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_SECURE=bool(web_ui.tls_cert),
    )
    web_ui.login_manager.user_loader(lambda name: _User(name) if name == expected[0] else None)
    web_ui.auth_args = {"username_password_callback": f"{base_path}/login_submit"}
    blueprint = Blueprint("connections_login", __name__, url_prefix=base_path or None)

    waiting, trying = BoundedSemaphore(_MOST_WAITING), BoundedSemaphore(1)

    def is_right() -> bool:
        given = request.form.get("username", ""), request.form.get("password", "")
        right = [hmac.compare_digest(a.encode(), b.encode()) for a, b in zip(given, expected, strict=True)]
        with trying:  # a right password waits too, otherwise parallel tries would reveal it
            if not all(right):
                gevent.sleep(_WRONG)
        return all(right)

    @blueprint.post("/login_submit")
    def submit() -> Response:
        if not waiting.acquire(blocking=False):
            return Response("too many logins at the moment: try again\n", 429, mimetype="text/plain")
        try:
            right = is_right()
        finally:
            waiting.release()
        if right:
            login_user(_User(expected[0]))
            return redirect(url_for("locust.index"))
        session["auth_error"] = "Wrong user name or password"
        return redirect(url_for("locust.login"))

    app.register_blueprint(blueprint)
