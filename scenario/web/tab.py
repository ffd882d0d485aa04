"""The tab "Connections" of the web UI, its data, and its files under "Download Data".

    GET connections/data?since=N    JSON: state, reasons, table, and the rows from number N (from 0) on
    GET connections/metrics         the last row as a Prometheus reads it
    GET connections/csv             the rows as the connections CSV has them
    GET connections/log             the report log
    GET connections/report          the report, one HTML file

Every address is relative to the page, so that --web-base-path does not matter, and behind --web-login when that is on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from locust.env import Environment
from locust.runners import STATE_CLEANUP, STATE_RUNNING, STATE_STOPPING
from locust.web import WebUI

from flask import Blueprint, Response, request, send_file
from prometheus_client import make_wsgi_app

from scenario.outputs.columns import COLUMNS, cells, columns_of, names
from scenario.outputs.csv import line
from scenario.outputs.history import History
from scenario.outputs.log import ReportLog
from scenario.outputs.metrics import registry
from scenario.outputs.page import static_file
from scenario.outputs.report import render

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_DOWNLOADS = {
    "csv": "Download connections CSV",
    "log": "Download connections log",
    "report": "Download connections report",
}
_TAGS = (
    '<link rel="stylesheet" href="./connections/connections.css">'
    '<script defer src="./connections/chart.js"></script><script defer src="./connections/connections.js"></script>'
)


def add_tab(environment: Environment, web_ui: WebUI, history: History, log: ReportLog) -> None:
    """Add the tab, its routes and its downloads to the web UI."""
    assert web_ui.app is not None
    assert environment.parsed_options is not None
    web_ui.template_args["extended_tabs"] = [{"title": "Connections", "key": "connections"}]
    web_ui.template_args["extended_csv_files"] = [
        {"href": f"./connections/{name}", "title": title} for name, title in _DOWNLOADS.items()
    ]
    pages = _Pages(history, log)
    blueprint = Blueprint("connections", __name__, url_prefix=environment.parsed_options.web_base_path or None)
    for path, view in (
        ("data", pages.data),
        ("metrics", pages.metrics),
        ("csv", pages.csv),
        ("log", pages.log),
        ("report", pages.report),
        ("<any('chart.js', 'connections.js', 'connections.css', 'plotly.min.js'):name>", pages.static),
    ):
        blueprint.add_url_rule(f"/connections/{path}", view_func=web_ui.auth_required_if_enabled(view))
    web_ui.app.register_blueprint(blueprint)
    web_ui.app.after_request(_amend)


def _amend(response: Response) -> Response:
    """Make Locust's page load our script, and make it poll until a run is STOPPED.

    It asks while a run is spawning or running; one look in between, and it would neither show the end nor offer NEW.
    What it knows is React's own, which no script of ours can set: so it is told otherwise, and nobody else is.
    """
    if request.endpoint == "locust.index" and response.status_code == 200:
        page = response.get_data(as_text=True)
        response.set_data(page.replace("</body>", f"{_TAGS}</body>"))
    elif request.endpoint == "locust.request_stats" and response.status_code == 200:
        stats = response.get_json()
        if stats["state"] in (STATE_CLEANUP, STATE_STOPPING):
            response.set_data(json.dumps({**stats, "state": STATE_RUNNING}))
    return response


class _Pages:
    """The views. They read no file, only what this process has kept of the run."""

    def __init__(self, history: History, log: ReportLog) -> None:
        self.history, self.log_of_run = history, log
        self.metrics_app = make_wsgi_app(registry(history))

    def data(self) -> Response:
        since = max(0, request.args.get("since", 0, type=int))
        # Not jsonify: Locust runs Flask in debug mode, where it indents.
        text = json.dumps(self.history.snapshot(since), separators=(",", ":"))
        return Response(text, mimetype="application/json")

    def metrics(self) -> WSGIApplication:
        return self.metrics_app

    def csv(self) -> Response:
        columns = columns_of(self.history.options) if self.history.options else COLUMNS
        rows = [names(columns), *(cells(columns, row) for row in self.history.rows)]
        return _download("".join(map(line, rows)), "connections.csv", "text/csv")

    def log(self) -> Response:
        if not (text := self.log_of_run.text):
            return Response("There is no log yet: it begins with a run.\n", 404, mimetype="text/plain")
        return _download(text, "connections.log", "text/plain")

    def report(self) -> Response:
        return _download(render(self.history), "connections.html", "text/html")

    def static(self, name: str) -> Response:
        return send_file(
            static_file(name), max_age=0
        )  # requested with each load of the page, and answered "not modified"


def _download(text: str, name: str, mimetype: str) -> Response:
    return Response(text, mimetype=mimetype, headers={"Content-Disposition": f'attachment; filename="{name}"'})
