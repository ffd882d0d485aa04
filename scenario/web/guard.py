"""Refuses requests of other websites: a browser sends them to this host for any page that asks it to.

Requests under a name that does not belong to this host are refused (DNS rebinding: another name that leads here), and
one that a page of another origin made. A client that is no browser sends no Origin, and may come in.
"""

from __future__ import annotations

import logging
import socket
from argparse import Namespace
from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from locust.web import WebUI

from werkzeug.wrappers import Request, Response

from scenario.settings import values
from scenario.web.door import put_door
from scenario.web.login import add_login

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_OF_PAGE = ("same-origin", "none")  # values of Sec-Fetch-Site; none: typed by the user, or not from a page
_log = logging.getLogger(__name__)
_HEADERS = (
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "same-origin"),
)


def protect(web_ui: WebUI, parsed: Namespace) -> None:
    """Put door, guard and, with --web-login, the login before the web UI. Call it before the web UI starts.

    Other websites get 403. Without a login anyone else may come in: that is logged as a warning, unless the web UI
    listens on loopback. Raises KeyError if --web-login has no user or password in the environment.
    """
    assert web_ui.app is not None
    put_door(web_ui)
    application: Any = web_ui.app
    application.wsgi_app = Guard(web_ui.app.wsgi_app, web_ui.host, values.urls(parsed.web_origin))
    if parsed.web_login:
        add_login(web_ui, parsed.web_base_path)
    elif not is_loopback(web_ui.host):
        where = web_ui.host or "all addresses"
        _log.warning(
            f"the web UI listens on {where} without a login: anyone who reaches it can start runs (--web-login)"
        )


class Guard:
    """Checks every request to the web UI, Locust's routes and ours. `origins` are the addresses of proxies."""

    def __init__(self, application: WSGIApplication, web_host: str, origins: Iterable[str]) -> None:
        self.application = application
        self.origins = {_normal(origin) for origin in origins}
        names = ("localhost", socket.gethostname(), web_host, *(urlsplit(origin).hostname for origin in self.origins))
        self.names = {name.lower() for name in names if name}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, or refuse it with 403 and a sentence."""

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            kept = [header for header in headers if not header[0].lower().startswith("access-control-")]
            return start_response(status, [*kept, *_HEADERS], *more)  # Locust would allow every origin

        problem = self._problem(Request(environ))
        answer = Response(f"{problem}\n", 403, mimetype="text/plain") if problem else self.application
        return answer(environ, start)

    def _problem(self, request: Request) -> str:
        host = request.headers.get("Host", "")
        if not self._is_own(host):
            return f"Host {host!r} does not belong to this page; --web-origin adds a name"
        origin = request.headers.get("Origin")
        if origin is None:
            site = request.headers.get("Sec-Fetch-Site", "none")
            foreign = request.method != "GET" and site not in _OF_PAGE
            return f"Sec-Fetch-Site {site!r}: another website made this request" if foreign else ""
        own = _normal(origin) in {_normal(f"{request.scheme}://{host}"), *self.origins}
        return "" if own else f"Origin {origin!r} does not belong to this page; --web-origin adds an origin"

    def _is_own(self, host: str) -> bool:
        """Whether the header names this host. Addresses are safe, but a name can be made to mean another host."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in self.names or _is_address(name)


def _normal(origin: str) -> str:
    """Return an origin as browsers send it: lower case, without the default port."""
    origin = origin.lower().rstrip("/")
    scheme, _, rest = origin.partition("://")
    return f"{scheme}://{rest.removesuffix({'http': ':80', 'https': ':443'}.get(scheme, ''))}"


def is_loopback(host: str) -> bool:
    """Whether an address is reachable from this host only."""
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
